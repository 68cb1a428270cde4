// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

private let jackLacks = Need.lacking(programs: ["jackd", "jack_lsp", "jack_connect"], plugin: "jack")

extension SoundServers {
  @Suite(
    .serialized,
    .enabled(if: jackLacks == nil, "\(jackLacks ?? "")"))
  struct JACK {
    /// A server without hardware, whose cycles have `period` frames.
    static func server(period: Int, _ arguments: String...) throws -> SoundServer {
      try SoundServer("jack-up", ["-p", "\(period)"] + arguments, folder: "VS_JACK_DIR")
    }

    /// A client for each VM, connected to nothing but what the stream names.
    static func client(_ name: String, connect: String = "none") throws -> Instance {
      try LoadedPlugin("jack").instance(["client-name": name, "connect": connect])
    }

    @Test(
      "what one VM plays another records, sample for sample, whatever the graph's period (jackd2)",
      arguments: [64, 256, 1024])
    func isExact(period: Int) throws {
      let server = try Self.server(period: period)
      let player = try Self.client("player")
      let listener = try Self.client("listener")
      for (format, guest) in [(5, 480), (15, 64), (11, 1024), (19, 4096), (17, 256)] as [(UInt32, UInt32)] {
        var shape = Shape(format: format, period: guest)
        shape.buffer = max(4 * guest, 4096)
        try expectExact(player, listener, shape, Self.pattern(12_000, shape))
      }
      withExtendedLifetime(server) {}
    }

    @Test("a guest whose buffer is a quarter of a cycle plays and records all the same")
    func smallBuffer() throws {
      let server = try Self.server(period: 1024)
      let player = try Self.client("player")
      let listener = try Self.client("listener")
      let shape = Shape(format: 5, period: 128, buffer: 512)
      try expectAll(player, listener, shape, Self.pattern(24_000, shape))
      withExtendedLifetime(server) {}
    }

    @Test("8 channels stay apart")
    func manyChannels() throws {
      let server = try Self.server(period: 256)
      let player = try Self.client("player")
      let listener = try Self.client("listener")
      let shape = Shape(format: 5, channels: 8, period: 480)
      try expectExact(player, listener, shape, Self.pattern(9_600, shape))
      withExtendedLifetime(server) {}
    }

    @Test("every 16-bit value, and 24-bit ones of every size, come back from float as they were")
    func roundTrip() throws {
      let server = try Self.server(period: 1024)
      let player = try Self.client("player")
      let listener = try Self.client("listener")
      var words: [UInt8] = []
      for value in Int16.min ... .max { withUnsafeBytes(of: value) { words += $0 } }
      try expectExact(player, listener, Shape(format: 5, channels: 1, period: 1024), words)
      var longs: [UInt8] = []
      for value in stride(from: Int32(-8_388_608), through: 8_388_607, by: 331) {
        withUnsafeBytes(of: value) { longs += $0 }
      }
      withUnsafeBytes(of: Int32(8_388_607)) { longs += $0 }
      try expectExact(player, listener, Shape(format: 15, channels: 1, period: 1024), longs)
      withExtendedLifetime(server) {}
    }

    // MARK: Parts

    /// What one plays and the other records is the same, without a gap.
    func expectExact(_ player: Instance, _ listener: Instance, _ shape: Shape, _ bytes: [UInt8]) throws {
      let heard = try record(player, listener, shape, bytes)
      let sent = GuestOnFeed.trimmed(bytes, frameBytes: shape.frameBytes)
      #expect(
        GuestOnFeed.trimmed(heard, frameBytes: shape.frameBytes) == sent, "\(shape): \(sent.count) bytes")
    }

    /// The same where a late guest, or a stalled machine, may have made a gap.
    func expectAll(_ player: Instance, _ listener: Instance, _ shape: Shape, _ bytes: [UInt8]) throws {
      var input = shape
      input.period = 480
      input.buffer = 4800
      let heard = try record(player, listener, shape, bytes, as: input)
      #expect(
        GuestOnFeed.heard(heard, frameBytes: shape.frameBytes)
          == GuestOnFeed.heard(bytes, frameBytes: shape.frameBytes))
    }

    /// Plays on one client and records its ports on another.
    func record(
      _ player: Instance, _ listener: Instance, _ shape: Shape, _ bytes: [UInt8], as given: Shape? = nil
    ) throws -> [UInt8] {
      var input = given ?? shape
      input.direction = VSND_CAPTURE
      input.device = "player:playback_"
      let output = GuestOnFeed(shape, playing: bytes)
      let playing = try player.open(shape, output.feed)
      let ear = GuestOnFeed(recording: input)
      let recording = try listener.open(input, ear.feed)
      try recording.start()
      #expect(settles(within: 2) { ear.feed.committed > 0 }, "nothing is recorded")
      #expect(settles(within: 2) { Self.isConnected() }, "the ports are not connected")

      try playing.start()
      let seconds = Double(bytes.count / shape.frameBytes) / Double(shape.rate)
      #expect(settles(within: seconds + 3) { output.isDone }, "played \(output.feed.committed)")
      playing.end()
      let end = ear.feed.committed
      _ = settles(within: 1) { ear.feed.committed > end + 4800 }
      recording.stop(VSND_STOP_DISCARD)
      output.end()
      ear.end()

      #expect(output.feed.violations == 0)
      #expect(ear.feed.violations == 0)
      return ear.feed.data
    }

    /// Whether a port of the listener has a connection.
    static func isConnected() -> Bool {
      let ports = (try? SoundServer.tool(["jack_lsp", "-c", "listener"])) ?? ""
      return ports.contains("   player:")
    }

    /// Full-scale values; 24-bit ones where the format has more, which floats hold exactly.
    static func pattern(_ frames: Int, _ shape: Shape) -> [UInt8] {
      var bytes: [UInt8] = []
      var state: UInt64 = 7
      for _ in 0..<frames * Int(shape.channels) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let value = Int32(truncatingIfNeeded: state >> 32) >> 8
        switch shape.format {
        case 5: withUnsafeBytes(of: Int16(truncatingIfNeeded: value)) { bytes += $0 }
        case 11: withUnsafeBytes(of: value) { bytes += $0.prefix(3) }
        case 15: withUnsafeBytes(of: value) { bytes += $0 }
        case 17: withUnsafeBytes(of: value << 8) { bytes += $0 }
        default: withUnsafeBytes(of: Float(value) / 8_388_608) { bytes += $0 }
        }
      }
      return bytes
    }
  }
}
