// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("JACK", .enabled(if: Place.has("jackd", "jack_lsp"), "JACK is not installed"))
  struct JACKTests {
    /// What may be behind libjack.
    enum Library: String, CaseIterable, CustomTestStringConvertible {
      case jackd = "jackd2"
      case pipewire = "PipeWire"

      var testDescription: String { rawValue }

      /// Where PipeWire has its libjack, which takes the place of the other.
      static let folder = "/usr/lib/x86_64-linux-gnu/pipewire-0.3/jack"

      var arguments: [String] { self == .jackd ? ["-p", "256"] : ["-q", "1024", "-m", "1024"] }

      func server() throws -> HostServer {
        switch self {
        case .jackd: try HostServer("jack-up", arguments, folder: "VS_JACK_DIR")
        case .pipewire: try HostServer("pipewire-up", arguments, folder: "VS_PIPEWIRE_DIR")
        }
      }
    }

    @Test(
      "plays and records what the guest does, sample for sample, and outlives its server",
      arguments: Library.allCases)
    func isExact(library: Library) throws {
      if library == .pipewire {
        guard FileManager.default.fileExists(atPath: Library.folder + "/libjack.so.0") else { return }
        setenv("LD_LIBRARY_PATH", Library.folder, 1)
      }
      defer { unsetenv("LD_LIBRARY_PATH") }
      let server = try library.server()
      let sent = Pattern.bytes(values: 2 * 72_000)
      try Machine.alone(.jack) { machine in
        try machine.give(sent, as: "pattern.raw")
        try machine.scenario(keeping: 16) { try expectHeard(machine, sent) }
        try machine.scenario(keeping: 16) {
          try expectToOutlive(machine) {
            try server.crash()
            usleep(500_000)
            try server.restart(library.arguments)
          }
          guard library == .jackd else { return }
          let pid = try #require(pid_t(server.environment["VS_JACK_PID"] ?? ""))
          try expectToOutlive(machine) {
            kill(pid, SIGSTOP)
            usleep(1_200_000)
            kill(pid, SIGCONT)
          }
        }
        try machine.scenario(keeping: 16) { try expectHeard(machine, sent) }
      }
    }

    /// The guest plays on in real time while its server is away.
    private func expectToOutlive(_ machine: Machine, _ trouble: () throws -> Void) throws {
      let before = machine.daemon.log.count
      try machine.guest.need("pcm play /dev/zero -n 144000 -p 480 -b 1920 >/tmp/playing 2>&1 &")
      usleep(500_000)
      try trouble()
      let output = try machine.guest.need(
        "until grep -q = /tmp/playing; do sleep 0.2; done; cat /tmp/playing")
      let report = try #require(Report.all(in: output).first, "\(output)")
      #expect(report.seconds > 2.8 && report.seconds < 4.5, "\(output)")
      let isBack = eventually(within: 5) { machine.daemon.log.dropFirst(before).contains("the host is back") }
      let log = machine.daemon.log.dropFirst(before)
      #expect(isBack && log.contains("the host is gone"), "\(log)")
    }

    /// The guest records its own ports while it plays.
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
