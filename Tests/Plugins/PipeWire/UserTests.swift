// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers.PipeWire {
  @Suite(.serialized)
  struct UserTests {
    /// A guest that plays the same loud sample for the whole test, and one that hears it.
    private final class Tone {
      static let sample: Int16 = 0x4000
      let player: GuestOnFeed
      let listener: GuestOnFeed
      private let streams: [OpenStream]

      init(_ instance: Instance) throws {
        player = GuestOnFeed(
          Shape(), playing: [UInt8]((0..<48_000 * 30).flatMap { _ in [0, 0x40, 0, 0x40] as [UInt8] }))
        var input = Shape()
        input.direction = VSND_CAPTURE
        input.stream = 1
        input.device = "vs_out.monitor"
        listener = GuestOnFeed(recording: input)
        streams = [try instance.open(input, listener.feed), try instance.open(Shape(), player.feed)]
        for stream in streams { try stream.start() }
      }

      func end() {
        for stream in streams { stream.stop(VSND_STOP_DISCARD) }
        player.end()
        listener.end()
      }

      /// Whether the last frame heard becomes a pair of `value` within two seconds.
      func settles(on value: Int16) -> Bool {
        let bytes = UInt16(bitPattern: value)
        let frame = [UInt8(bytes & 0xFF), UInt8(bytes >> 8), UInt8(bytes & 0xFF), UInt8(bytes >> 8)]
        return PluginTests.settles(within: 2) { listener.feed.data.suffix(4).elementsEqual(frame) }
      }

      func goesOn() -> Bool {
        let before = player.feed.committed
        return PluginTests.settles(within: 2) { player.feed.committed > before + 4800 }
      }
    }

    @Test("volume and mute are PipeWire's: they are heard, and the guest plays on")
    func changesVolume() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let tone = try Tone(try SoundServers.PipeWire.instance())
      #expect(tone.settles(on: Tone.sample))
      let node = try SoundServers.PipeWire.node("vm.playback.0")
      for (properties, value) in [
        ("{ volume: 0.5 }", 0x2000), ("{ mute: true }", 0), ("{ mute: false }", 0x2000),
        ("{ volume: 1.0, channelVolumes: [ 0.25, 0.25 ] }", 0x1000),
      ] as [(String, Int16)] {
        try SoundServer.tool(["pw-cli", "set-param", node, "Props", properties])
        #expect(tone.settles(on: value), "\(properties)")
        #expect(tone.goesOn(), "\(properties)")
      }
      tone.end()
      withExtendedLifetime(server) {}
    }

    @Test(
      "a stream that somebody pauses or suspends plays on when it is started again",
      arguments: ["Pause", "Suspend"])
    func isCorked(command: String) throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let tone = try Tone(try SoundServers.PipeWire.instance())
      #expect(tone.settles(on: Tone.sample))
      let node = try SoundServers.PipeWire.node("vm.playback.0")
      for _ in 0..<3 {
        try SoundServer.tool(["pw-cli", "send-command", node, command, "{}"])
        usleep(300_000)
        try SoundServer.tool(["pw-cli", "send-command", node, "Start", "{}"])
        #expect(tone.goesOn())
        #expect(tone.settles(on: Tone.sample))
      }
      #expect(tone.player.feed.failures.isEmpty)
      tone.end()
      withExtendedLifetime(server) {}
    }
  }
}
