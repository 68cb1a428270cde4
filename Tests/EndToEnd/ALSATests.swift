// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport
import Testing

extension EndToEnd {
  @Suite("ALSA", .serialized, .enabled(if: Place.has("pulseaudio"), "PulseAudio is not installed"))
  struct ALSATests {
    @Test(
      "plays and records what the guest does, sample for sample, through pauses and the end of its server")
    func isExact() throws {
      let server = try SoundServer("pulse-up", [], folder: "VS_PULSE_DIR")
      let configuration = try SoundServer("alsa-env", [], folder: "VS_ALSA_DIR")
      let sent = Pattern.bytes(values: 2 * 72_000)
      let written = { (configuration: SoundServer) in
        let file = FileManager.default.contents(atPath: configuration.folder + "/out.raw") ?? Data()
        return Comparison(sent: sent, recorded: [UInt8](file), frameBytes: 4)
      }
      try Machine.alone(.alsa) { machine in
        try machine.give(sent, as: "pattern.raw")
        try machine.scenario { try machine.expectEcho(of: sent) }

        try machine.scenario {
          let output = try machine.guest.need(
            "pcm play /tmp/pattern.raw -p 960 -b 15360 --pause 24000:50 --pause 48000:1500")
          // `file` writes the last of it when the device is closed, which the guest does not wait for.
          let hasAll = eventually(within: 5) { written(configuration).hasAllFrames }
          #expect(hasAll, "\(written(configuration)); \(output)")
        }

        try machine.scenario { try machine.expectToOutlive(buffer: 3840, endOf: server) }
        try machine.scenario { try machine.expectEcho(of: sent) }
      }
    }
  }
}
