// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("ALSA", .serialized, .enabled(if: Place.has("pulseaudio"), "PulseAudio is not installed"))
  struct ALSATests {
    @Test(
      "plays and records what the guest does, sample for sample, through pauses and the end of its server")
    func isExact() throws {
      let server = try HostServer("pulse-up", [], folder: "VS_PULSE_DIR")
      let configuration = try HostServer("alsa-env", [], folder: "VS_ALSA_DIR")
      let sent = Pattern.bytes(values: 2 * 72_000)
      let written = { (configuration: HostServer) in
        let file = FileManager.default.contents(atPath: configuration.folder + "/out.raw") ?? Data()
        return Comparison(sent: sent, recorded: [UInt8](file), frameBytes: 4)
      }
      try Machine.alone(.alsa) { machine in
        try machine.give(sent, as: "pattern.raw")
        try machine.scenario { try expectHeard(machine, sent) }

        try machine.scenario {
          let output = try machine.guest.need(
            "pcm play /tmp/pattern.raw -p 960 -b 15360 --pause 24000:50 --pause 48000:1500")
          // `file` writes the last of it when the device is closed, which the guest does not wait for.
          let hasAll = eventually(within: 5) { written(configuration).hasAllFrames }
          #expect(hasAll, "\(written(configuration)); \(output)")
        }

        try machine.scenario {
          try machine.guest.need("pcm play /dev/zero -n 240000 -p 480 -b 3840 >/tmp/playing 2>&1 &")
          usleep(500_000)
          try server.crash()
          usleep(500_000)
          try server.restart([])
          let output = try machine.guest.need(
            "until grep -q = /tmp/playing; do sleep 0.2; done; cat /tmp/playing")
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
