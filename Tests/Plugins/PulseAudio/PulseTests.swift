// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

let pulseLacks = Need.lacking(programs: ["pulseaudio", "pactl"], plugin: "pulse")

extension SoundServers {
  @Suite(.serialized, .enabled(if: pulseLacks == nil, "\(pulseLacks ?? "")"))
  struct PulseAudio {
    static func server(_ arguments: String...) throws -> SoundServer {
      try SoundServer("pulse-up", arguments, folder: "VS_PULSE_DIR")
    }

    @Test(
      "what the guest plays is what it records from the sink's monitor, sample for sample",
      arguments: [
        ("s16le", 5), ("s32le", 17), ("s24le", 11), ("s24-32le", 15), ("float32le", 19), ("u8", 4),
        ("ulaw", 1), ("alaw", 2),
      ] as [(String, UInt32)])
    func isExact(name: String, format: UInt32) throws {
      let server = try Self.server("-f", name)
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(format: format, period: 960, buffer: 7680)
      try expectExact(instance, shape, frames: 24_000)
      withExtendedLifetime(server) {}
    }

    @Test("six channels, another rate and a small period are exact too")
    func shapes() throws {
      let server = try Self.server("-c", "6", "-r", "44100")
      let instance = try LoadedPlugin("pulse").instance()
      // The map is what the sink has by default.
      let shape = Shape(
        format: 5, rate: 44_100, channels: 6, period: 441, buffer: 8820, map: [3, 12, 7, 4, 13, 11])
      try expectExact(instance, shape, frames: 22_050)
      withExtendedLifetime(server) {}
    }

    @Test("a pause keeps what was committed, and what follows it is exact")
    func pause() throws {
      let server = try Self.server()
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(period: 960, buffer: 7680)
      try expectExact(instance, shape, frames: 48_000, pausing: true)
      withExtendedLifetime(server) {}
    }

    @Test("sinks and sources are listed, the defaults marked, and a new default is seen")
    func devices() throws {
      let server = try Self.server()
      let instance = try LoadedPlugin("pulse").instance()
      #expect(try instance.listed(VSND_PLAYBACK).contains { $0.id == "vs_out" && $0.isDefault })
      #expect(try instance.listed(VSND_CAPTURE).contains { $0.id == "vs_mic" && $0.isDefault })
      try SoundServer.tool(["pactl", "set-default-sink", "vs_in"])
      #expect(
        settles(within: 2) { (try? instance.listed(VSND_PLAYBACK))?.first { $0.isDefault }?.id == "vs_in" })
      withExtendedLifetime(server) {}
    }

    @Test(
      "pipewire-pulse plays and records exactly too, what its floats can hold", arguments: [5, 11, 15, 19])
    func pipewire(format: UInt32) throws {
      let server = try SoundServer("pipewire-up", ["-w", "-p", "-q", "1024"], folder: "VS_PIPEWIRE_DIR")
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(format: format, period: 960, buffer: 9600)
      try expectExact(instance, shape, frames: 24_000)
      withExtendedLifetime(server) {}
    }

    @Test("a server on another machine, by tcp")
    func remote() throws {
      let server = try Self.server()
      let port = 47_130 + Int(getpid() % 1000)
      try SoundServer.tool([
        "pactl", "load-module", "module-native-protocol-tcp", "port=\(port)", "auth-anonymous=1",
        "listen=127.0.0.1",
      ])
      let instance = try LoadedPlugin("pulse").instance(["server": "tcp:127.0.0.1:\(port)"])
      let shape = Shape(period: 960, buffer: 9600)
      try expectExact(instance, shape, frames: 24_000)
      withExtendedLifetime(server) {}
    }

    @Test("delays tell when a frame is heard, within a period")
    func tellsDelay() throws {
      let server = try Self.server()
      let shape = Shape(period: 960, buffer: 7680)
      let echo = try Echo(try LoadedPlugin("pulse").instance(), shape)
      try echo.start(frames: 48_000)
      echo.finish(within: 4)
      try echo.expectDelays(within: 960)
      withExtendedLifetime(server) {}
    }

    // MARK: Parts

    /// Plays a pattern into the sink and records its monitor; both must have it all.
    func expectExact(
      _ instance: Instance, _ shape: Shape, frames: Int, pausing: Bool = false
    ) throws {
      var input = shape
      input.direction = VSND_CAPTURE
      input.device = "vs_out.monitor"
      let sent = Self.pattern(frames, shape)
      let ear = GuestOnFeed(recording: input)
      let recording = try instance.open(input, ear.feed)
      try recording.start()
      #expect(settles(within: 3) { ear.feed.committed > 0 }, "nothing is recorded")

      let mouth = GuestOnFeed(shape, playing: sent)
      let playing = try instance.open(shape, mouth.feed)
      try playing.start()
      if pausing {
        #expect(settles(within: 3) { mouth.feed.committed > frames / 3 })
        playing.stop(VSND_STOP_HOLD)
        let held = mouth.feed.committed
        usleep(300_000)
        #expect(mouth.feed.committed == held)
        try playing.start()
      }
      let seconds = Double(frames) / Double(shape.rate)
      #expect(settles(within: seconds + 3) { mouth.isDone }, "played \(mouth.feed.committed) of \(frames)")
      playing.end()
      let end = ear.feed.committed
      _ = settles(within: 2) { ear.feed.committed > end + Int(shape.rate) / 2 }
      recording.stop(VSND_STOP_DISCARD)
      mouth.end()
      ear.end()

      let data = ear.feed.data
      let heard =
        pausing
        ? GuestOnFeed.heard(data, frameBytes: shape.frameBytes)
        : GuestOnFeed.trimmed(data, frameBytes: shape.frameBytes, silence: Self.silence(shape))
      let difference = GuestOnFeed.difference(heard, sent)
      #expect(difference == nil, "xruns \(mouth.feed.xruns) \(ear.feed.xruns)")
      #expect(mouth.feed.violations == 0)
      #expect(ear.feed.violations == 0)
    }

    static func silence(_ shape: Shape) -> UInt8 { [1: 0xff, 2: 0xd5, 4: 0x80][shape.format] ?? 0 }

    /// Full-scale values that the format holds; none of them is silence at the edges.
    static func pattern(_ frames: Int, _ shape: Shape) -> [UInt8] {
      var bytes: [UInt8] = []
      var state: UInt64 = 7
      for _ in 0..<frames * Int(shape.channels) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let value = Int32(truncatingIfNeeded: state >> 32) | 0x0101_0101
        switch shape.format {
        case 1, 2: bytes.append(UInt8(truncatingIfNeeded: value >> 24) & 0xfe)
        case 4: bytes.append(UInt8(truncatingIfNeeded: value >> 24) | 1)
        case 5: withUnsafeBytes(of: Int16(truncatingIfNeeded: value)) { bytes += $0 }
        case 11: withUnsafeBytes(of: value) { bytes += $0.prefix(3) }
        case 15: withUnsafeBytes(of: value >> 8) { bytes += $0 }
        case 17: withUnsafeBytes(of: value) { bytes += $0 }
        default: withUnsafeBytes(of: Float(value >> 8) / 8_388_608) { bytes += $0 }
        }
      }
      return bytes
    }
  }
}
