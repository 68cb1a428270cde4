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
        try machine.scenario { try machine.expectEcho(of: sent) }
        try machine.scenario {
          try machine.expectToOutlive {
            try server.crash()
            usleep(500_000)
            try server.restart([])
          }
        }
        try machine.scenario { try machine.expectEcho(of: sent) }
      }
    }
  }
}
