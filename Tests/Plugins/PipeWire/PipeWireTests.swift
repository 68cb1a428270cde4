// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

extension SoundServers {
  @Suite(
    .serialized,
    .enabled(
      if: Need.lacking(programs: ["pipewire", "wireplumber", "pw-cli"], plugin: "pipewire") == nil,
      "\(Need.lacking(programs: ["pipewire", "wireplumber", "pw-cli"], plugin: "pipewire") ?? "")"))
  struct PipeWire {
    static func server(_ arguments: String...) throws -> SoundServer {
      try SoundServer("pipewire-up", arguments, folder: "VS_PIPEWIRE_DIR")
    }

    @Test("what the guest plays is what it records from the sink's monitor, sample for sample")
    func isExact() throws {
      let server = try Self.server("-w", "-q", "1024")
      let instance = try LoadedPlugin("pipewire").instance(["vm-name": "vm"])
      for format in [5, 19] as [UInt32] {
        try expectExact(instance, Shape(format: format, period: 480), frames: 24_000)
      }
      withExtendedLifetime(server) {}
    }

    /// Plays a pattern into a sink and records its monitor; both must have it all.
    func expectExact(_ instance: Instance, _ shape: Shape, frames: Int) throws {
      var input = shape
      input.direction = VSND_CAPTURE
      input.device = "vs_out.monitor"
      let listener = GuestOnFeed(recording: input)
      let recording = try instance.open(input, listener.feed)
      try recording.start()
      #expect(settles(within: 2) { listener.feed.committed > 0 }, "nothing is recorded")

      let player = GuestOnFeed(shape, playing: samples(frames, shape))
      let playing = try instance.open(shape, player.feed)
      try playing.start()
      let seconds = Double(frames) / Double(shape.rate)
      #expect(settles(within: seconds + 2) { player.isDone }, "played \(player.feed.committed) of \(frames)")
      playing.stop(VSND_STOP_DRAIN)
      let end = listener.feed.committed
      _ = settles(within: 1) { listener.feed.committed > end + 9000 }
      recording.stop(VSND_STOP_DISCARD)
      player.end()
      listener.end()

      let heard = GuestOnFeed.heard(listener.feed.data, frameBytes: shape.frameBytes)
      #expect(heard == player.sent, "\(heard.count) of \(player.sent.count) bytes")
      #expect(player.feed.violations == 0)
      #expect(listener.feed.violations == 0)
      #expect(listener.feed.xruns.isEmpty)
    }

    /// Full-scale values that survive a float graph: 16-bit ones, as integers or as floats.
    func samples(_ frames: Int, _ shape: Shape) -> [UInt8] {
      var bytes: [UInt8] = []
      var state: UInt64 = 7
      for index in 0..<frames * Int(shape.channels) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var value = Int16(truncatingIfNeeded: state >> 40)
        if index == 20 { value = .min } else if index == 22 { value = .max } else if value == 0 { value = 1 }
        switch shape.format {
        case 5: withUnsafeBytes(of: value) { bytes += $0 }
        default: withUnsafeBytes(of: Float(value) / 32768) { bytes += $0 }
        }
      }
      return bytes
    }
  }
}
