// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("PipeWire", .enabled(if: Place.has("pipewire", "wireplumber"), "PipeWire is not installed"))
  struct PipeWireTests {
    private static let arguments = ["-w", "-q", "1024", "-m", "1024"]

    @Test("plays and records what the guest does, sample for sample, and outlives its server")
    func isExact() throws {
      let server = try HostServer("pipewire-up", Self.arguments, folder: "VS_PIPEWIRE_DIR")
      let sent = Pattern.bytes(values: 2 * 72_000)
      try Machine.alone(.pipewire) { machine in
        try machine.give(sent, as: "pattern.raw")
        try machine.scenario { try expectHeard(machine, sent) }

        try machine.scenario {
          try machine.guest.need("pcm play /dev/zero -n 240000 -p 480 -b 1920 >/tmp/playing 2>&1 &")
          usleep(500_000)
          try server.crash()
          usleep(500_000)
          try server.restart(Self.arguments)
          let output = try machine.guest.need("wait; sleep 5; cat /tmp/playing")
          let report = try #require(Report.all(in: output).first, "\(output)")
          #expect(report.seconds > 4.8 && report.seconds < 6.5, "\(output)")
          let log = machine.daemon.log
          #expect(log.contains("the host is gone") && log.contains("the host is back"), "\(log)")
        }
        try machine.scenario { try expectHeard(machine, sent) }
      }
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
