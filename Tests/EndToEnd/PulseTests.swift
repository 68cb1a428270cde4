// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("PulseAudio", .enabled(if: Place.has("pulseaudio", "pactl"), "PulseAudio is not installed"))
  struct PulseTests {
    @Test("plays and records what the guest does, sample for sample, and outlives its server")
    func isExact() throws {
      let server = try HostServer("pulse-up", [], folder: "VS_PULSE_DIR")
      let sent = Pattern.bytes(values: 2 * 72_000)
      try Machine.alone(.pulse) { machine in
        try machine.give(sent, as: "pattern.raw")
        try machine.scenario { try expectHeard(machine, sent) }
        try machine.scenario {
          try expectToOutlive(machine) {
            try server.crash()
            usleep(500_000)
            try server.restart([])
          }
        }
        try machine.scenario { try expectHeard(machine, sent) }
      }
    }

    /// The guest plays on in real time while its server is replaced.
    private func expectToOutlive(_ machine: Machine, _ crash: () throws -> Void) throws {
      try machine.guest.need("pcm play /dev/zero -n 240000 -p 480 -b 1920 >/tmp/playing 2>&1 &")
      usleep(500_000)
      try crash()
      let output = try machine.guest.need(
        "until grep -q = /tmp/playing; do sleep 0.2; done; cat /tmp/playing")
      let report = try #require(Report.all(in: output).first, "\(output)")
      #expect(report.seconds > 4.8 && report.seconds < 6.5, "\(output)")
      let isBack = eventually(within: 5) { machine.daemon.log.contains("the host is back") }
      #expect(isBack && machine.daemon.log.contains("the host is gone"), "\(machine.daemon.log)")
    }

    /// The guest records the sink's monitor while it plays.
    private func expectHeard(_ machine: Machine, _ sent: [UInt8]) throws {
      let output = try machine.guest.need(
        """
        pcm record /tmp/heard.raw -n 168000 -p 960 -b 15360 >/tmp/recording 2>&1 &
        sleep 0.5
        pcm play /tmp/pattern.raw -p 960 -b 15360 || exit
        wait $! && cat /tmp/recording
        """)
      let reports = Report.all(in: output)
      try #require(reports.count == 2, "\(output)")
      let heard = Comparison(sent: sent, recorded: try machine.take("heard.raw"), frameBytes: 4)
      #expect(heard.hasAllFrames || reports[1].xruns > 0, "\(heard); \(output)")
      if reports.allSatisfy({ $0.xruns == 0 }) { #expect(heard.isExact, "\(heard); \(output)") }
    }
  }
}
