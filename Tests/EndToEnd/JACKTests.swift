// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport
import Testing

extension EndToEnd {
  @Suite("JACK", .enabled(if: Place.has("jackd", "jack_lsp", "pw-jack"), "JACK is not installed"))
  struct JACKTests {
    /// What may be behind libjack.
    enum Library: String, CaseIterable, CustomTestStringConvertible {
      case jackd = "jackd2"
      case pipewire = "PipeWire"

      var testDescription: String { rawValue }

      /// Where PipeWire has its libjack, which takes the place of the other.
      static let folder = "/usr/lib/x86_64-linux-gnu/pipewire-0.3/jack"

      var arguments: [String] { self == .jackd ? ["-p", "256"] : ["-q", "1024", "-m", "1024"] }

      func server() throws -> SoundServer {
        switch self {
        case .jackd: try SoundServer("jack-up", arguments, folder: "VS_JACK_DIR")
        case .pipewire: try SoundServer("pipewire-up", arguments, folder: "VS_PIPEWIRE_DIR")
        }
      }
    }

    @Test(
      "plays and records what the guest does, sample for sample, and outlives its server",
      arguments: Library.allCases)
    func isExact(library: Library) throws {
      if library == .pipewire { setenv("LD_LIBRARY_PATH", Library.folder, 1) }
      defer { unsetenv("LD_LIBRARY_PATH") }
      let server = try library.server()
      try Machine.alone(.jack) { machine in
        try machine.expectEchoBeforeAndAfter(keeping: 16) {
          try machine.expectToOutlive(endOf: server)
          guard library == .jackd else { return }
          let pid = try server.pid("VS_JACK_PID")
          let hang = {
            kill(pid, SIGSTOP)
            usleep(1_200_000)
            kill(pid, SIGCONT)
          }
          try machine.expectToOutlive(hang)
          // What aplay asks for by itself; Linux gives up after 550 ms.
          try machine.expectToOutlive(period: 6000, buffer: 24_000, hang)
        }
      }
    }
  }
}
