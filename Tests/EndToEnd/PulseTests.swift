// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport
import Testing

extension EndToEnd {
  @Suite(
    "PulseAudio", .serialized,
    .enabled(
      if: Place.has("pulseaudio", "pactl", "pipewire-pulse"), "PulseAudio or pipewire-pulse is missing"))
  struct PulseTests {
    @Test(
      "plays and records what the guest does, sample for sample, and outlives its server",
      arguments: ["PulseAudio", "pipewire-pulse"])
    func isExact(name: String) throws {
      let options = name == "PulseAudio" ? [] : ["-w", "-p", "-q", "1024"]
      let server = try SoundServer(
        options.isEmpty ? "pulse-up" : "pipewire-up", options,
        folder: options.isEmpty ? "VS_PULSE_DIR" : "VS_PIPEWIRE_DIR")
      try Machine.alone(.pulse) { machine in
        try machine.expectEchoBeforeAndAfter { try machine.expectToOutlive(endOf: server) }
      }
    }
  }
}
