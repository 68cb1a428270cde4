// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport
import Testing

extension EndToEnd {
  @Suite("PipeWire", .enabled(if: Place.has("pipewire", "wireplumber"), "PipeWire is not installed"))
  struct PipeWireTests {
    private static let arguments = ["-w", "-q", "1024", "-m", "1024"]

    @Test("plays and records what the guest does, sample for sample, and outlives its server")
    func isExact() throws {
      let server = try SoundServer("pipewire-up", Self.arguments, folder: "VS_PIPEWIRE_DIR")
      try Machine.alone(.pipewire) { machine in
        try machine.expectEchoBeforeAndAfter { try machine.expectToOutlive(endOf: server) }
      }
    }
  }
}
