// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("Recording")
  struct CaptureTests {
    @Test("gives the guest every sample as it was, at the clock's pace")
    func isExact() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let output = try machine.guest.need("pcm record /tmp/heard.raw -n 96000 -p 960 -b 15360")
        let report = try #require(Report.all(in: output).first)

        #expect(report.seconds > 1.9)
        machine.expectFromMicrophone(try machine.take("heard.raw"), frameBytes: 4, restarts: report.xruns)
      }
    }

    @Test("is exact with arecord's own choices")
    func isExactWithArecord() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let output = try machine.guest.need(
          "arecord -D hw:0,0 -t raw -f S16_LE -r 48000 -c 2 -d 1 /tmp/heard.raw 2>&1")

        let heard = try machine.take("heard.raw")
        #expect(heard.count == 48000 * 4)
        let restarts = output.split(separator: "\n").count { $0.contains("overrun") }
        machine.expectFromMicrophone(heard, frameBytes: 4, restarts: restarts)
      }
    }

    @Test("is exact in every format", arguments: [1, 2, 6, 8])
    func everyFormat(channels: Int) throws {
      let machine = try Machine.of(.file)
      let frames = 1440
      try machine.scenario {
        let output = try machine.guest.need(
          "pcm record /tmp/heard.raw -n \(frames) -p 480 -b 7680 -c \(channels)"
            + " -f \(Formats.all.map(\.name).joined(separator: ","))", within: 120)
        let reports = Report.all(in: output)
        let heard = try machine.take("heard.raw")

        #expect(reports.count == Formats.all.count)
        var offset = 0
        for (format, report) in zip(Formats.all, reports) {
          let frameBytes = format.bytes * channels
          let end = min(offset + frames * frameBytes, heard.count)
          machine.expectFromMicrophone(
            Array(heard[offset..<end]), frameBytes: frameBytes, restarts: report.xruns)
          offset = end
        }
      }
    }

    @Test("and playing at the same time are both exact")
    func bothAtOnce() throws {
      let machine = try Machine.of(.file)
      let sent = Pattern.bytes(values: 2 * 96000)
      try machine.scenario {
        try machine.give(sent, as: "pattern.raw")
        let before = machine.playedBytes
        let output = try machine.guest.need(
          """
          pcm play /tmp/pattern.raw -p 960 -b 15360 >/tmp/playing 2>&1 &
          pcm record /tmp/heard.raw -n 96000 -p 960 -b 15360 || exit
          wait $! && cat /tmp/playing
          """)
        let reports = Report.all(in: output)

        try #require(reports.count == 2, "\(output)")
        try machine.expectComplete(sent, from: before, mayGap: reports[1].xruns > 0)
        machine.expectFromMicrophone(
          try machine.take("heard.raw"), frameBytes: 4, restarts: reports[0].xruns)
      }
    }
  }
}
