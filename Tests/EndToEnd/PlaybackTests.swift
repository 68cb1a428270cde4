// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

extension EndToEnd {
  @Suite("Playing")
  struct PlaybackTests {
    @Test("gives the host every sample as it was (B1: no period loses its last 4 bytes)")
    func isExact() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let report = try machine.expectExactPlayback(seconds: 3, "-p 960 -b 15360")

        // A device that completes early or late would let the guest finish at another time.
        #expect(report.seconds > 2.7)
        #expect(report.seconds < 4 || report.xruns > 0)
      }
    }

    @Test("is exact with aplay's own choices")
    func isExactWithAplay() throws {
      let machine = try Machine.of(.file)
      // Whole periods, because the Linux driver cannot drain a part of one.
      let sent = Pattern.bytes(values: 2 * 48000)
      try machine.scenario {
        try machine.give(sent, as: "pattern.raw")
        let before = machine.playedBytes
        let output = try machine.guest.need(
          "aplay -D hw:0,0 -f S16_LE -r 48000 -c 2 --period-size=960 --buffer-size=15360 /tmp/pattern.raw"
        )

        try machine.expectComplete(sent, from: before, mayGap: output.contains("underrun"))
      }
    }

    @Test("is exact with short periods", arguments: [64, 128, 480])
    func shortPeriods(period: Int) throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let report = try machine.expectExactPlayback("-p \(period) -b \(period * 16)")

        #expect(report.number("period") == period)
      }
    }

    @Test("is exact in every format with 1, 2, 6 and 8 channels")
    func everyFormat() throws {
      try expectExactMatrix(
        formats: Formats.all.map(\.name), rates: [48000], channels: [1, 2, 6, 8],
        frameBytes: Formats.all.map(\.bytes))
    }

    @Test("is exact at every rate")
    func everyRate() throws {
      try expectExactMatrix(formats: ["S16_LE"], rates: Rates.all, channels: [1, 2, 6, 8], frameBytes: [2])
    }

    @Test("starts and stops fifty times without a loss")
    func fiftyStarts() throws {
      let machine = try Machine.of(.file)
      let frames = 1920
      let sent = Pattern.bytes(values: frames * 2 * 50)
      try machine.scenario {
        try machine.give(sent, as: "pattern.raw")
        let before = machine.playedBytes
        let formats = Array(repeating: "S16_LE", count: 50).joined(separator: ",")
        let output = try machine.guest.need(
          "pcm play /tmp/pattern.raw -f \(formats) -n \(frames) -p 480 -b 7680")

        try machine.expectIdentical(sent, from: before, Report.all(in: output))
      }
    }

    /// Plays a few periods in each combination, all written before the start, so that nothing is late.
    private func expectExactMatrix(
      formats: [String], rates: [Int], channels: [Int], frameBytes: [Int]
    ) throws {
      let frames = 1920
      let total = frameBytes.reduce(0, +) * channels.reduce(0, +) * rates.count * frames
      let sent = Pattern.bytes(values: total / 2)
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.give(sent, as: "matrix.raw")
        let before = machine.playedBytes
        let output = try machine.guest.need(
          "pcm play /tmp/matrix.raw -n \(frames) -p 480 -b 7680 -f \(formats.joined(separator: ","))"
            + " -r \(rates.map(String.init).joined(separator: ","))"
            + " -c \(channels.map(String.init).joined(separator: ","))", within: 120)

        let reports = Report.all(in: output)
        #expect(reports.count == formats.count * rates.count * channels.count)
        try machine.expectIdentical(sent, from: before, reports)
      }
    }
  }
}
