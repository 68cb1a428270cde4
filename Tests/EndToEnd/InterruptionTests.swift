// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("A stream that is interrupted")
  struct InterruptionTests {
    @Test("goes on after each pause where it was")
    func pauses() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.expectExactPlayback(
          seconds: 2, "-p 480 -b 3840 --pause 20000:200 --pause 40000:500 --pause 60000:50", pausing: true)
      }
    }

    @Test("recovers from underruns and loses nothing")
    func underruns() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let report = try machine.expectExactPlayback(
          seconds: 2, "-p 480 -b 3840 --gap 24000:400 --gap 48000:400 --gap 72000:400", pausing: true)

        #expect(report.xruns >= 3)
      }
    }

    @Test("goes on after starving with a part of a period written")
    func starves() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        // The driver keeps the odd 160 frames to itself, so the guest sees no underrun either.
        try machine.expectExactPlayback(seconds: 1, "-p 480 -b 3840 --gap 24160:400", pausing: true)
      }
    }

    @Test("recovers from overruns")
    func overruns() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let output = try machine.guest.need(
          "pcm record /tmp/heard.raw -n 48000 -p 480 -b 3840 --gap 9600:400 --gap 28800:400")

        let report = try #require(Report.all(in: output).first)
        #expect(report.xruns >= 2)
        machine.expectFromMicrophone(try machine.take("heard.raw"), frameBytes: 4, restarts: report.xruns)
      }
    }

    @Test("ends cleanly when its program is killed", arguments: ["aplay", "arecord"])
    func kills(program: String) throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.guest.need(
          """
          dd if=/dev/urandom of=/tmp/noise.raw bs=96000 count=20 2>/dev/null
          for pause in 0.3 0.05 0.5; do
            \(program) -q -D hw:0,0 -t raw -f S16_LE -r 48000 -c 2 /tmp/noise.raw &
            sleep $pause
            kill -9 $!
            wait $!
          done
          true
          """)
        try machine.expectExactPlayback(seconds: 0.5)
      }
    }

    @Test("loses nothing when the machine is stopped and continued meanwhile")
    func stopsAndContinues() throws {
      let machine = try Machine.of(.file)
      let sent = Pattern.bytes(values: 2 * 48000 * 3)
      try machine.scenario {
        try machine.give(sent, as: "pattern.raw")
        let before = machine.playedBytes
        try machine.guest.need("pcm play /tmp/pattern.raw -p 960 -b 15360 >/tmp/playing 2>&1 &")
        for pause in [200_000, 1_500_000] as [UInt32] {
          usleep(500_000)
          _ = try machine.guest.control("stop")
          usleep(pause)
          _ = try machine.guest.control("cont")
        }
        let ended = try eventually(within: 20) {
          try machine.guest.run("grep -q ^done /tmp/playing").status == 0
        }

        let output = try machine.guest.need("cat /tmp/playing")
        try #require(ended, "\(output)")
        try machine.expectComplete(sent, from: before, mayGap: true)
      }
    }
  }
}
