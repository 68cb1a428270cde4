// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

private let pulseLacks = Need.lacking(programs: ["pulseaudio", "pactl"], plugin: "pulse")

extension SoundServers {
  @Suite(.serialized, .enabled(if: pulseLacks == nil, "\(pulseLacks ?? "")"))
  struct PulseAudio {
    static func server(_ arguments: String...) throws -> SoundServer {
      try SoundServer("pulse-up", arguments, folder: "VS_PULSE_DIR")
    }

    @Test(
      "what the guest plays is what it records from the sink's monitor, sample for sample",
      arguments: [("s16le", 5), ("s32le", 17), ("s24le", 11), ("s24-32le", 15), ("float32le", 19), ("u8", 4)]
        as [(String, UInt32)])
    func isExact(name: String, format: UInt32) throws {
      let server = try Self.server("-f", name)
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(format: format, period: 960)
      shape.buffer = 7680
      try expectExact(instance, shape, frames: 24_000)
      withExtendedLifetime(server) {}
    }

    @Test("six channels, another rate and a small period are exact too")
    func shapes() throws {
      let server = try Self.server("-c", "6", "-r", "44100")
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(format: 5, rate: 44_100, channels: 6, period: 441)
      shape.buffer = 8820
      // What the sink has by default.
      shape.map = [3, 12, 7, 4, 13, 11]
      try expectExact(instance, shape, frames: 22_050)
      withExtendedLifetime(server) {}
    }

    @Test("a pause keeps what was committed, and what follows it is exact")
    func pause() throws {
      let server = try Self.server()
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(period: 960)
      shape.buffer = 7680
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

    @Test("a server that is killed and comes back, ten times, is found again, and nothing is left behind")
    func restarts() throws {
      let server = try Self.server()
      let host = FakeHost()
      let instance = try LoadedPlugin("pulse").instance(host: host)
      var shape = Shape(period: 960)
      shape.buffer = 7680
      let ear = GuestOnFeed(recording: shape)
      var input = shape
      input.direction = VSND_CAPTURE
      let recording = try instance.open(input, ear.feed)
      try recording.start()
      var holdings: [Int] = []
      for round in 0..<10 {
        #expect(settles(within: 5) { ear.feed.committed > 0 }, "round \(round)")
        try server.crash()
        #expect(settles(within: 2) { ear.feed.failures.count == round + 1 })
        try server.restart()
        let before = ear.feed.committed
        #expect(settles(within: 4) { ear.feed.committed > before }, "not back in round \(round)")
        holdings.append(Self.descriptors)
      }
      #expect(holdings[9] <= holdings[1] + 2, "\(holdings)")
      #expect(host.events.filter { $0 == VSND_EVENT_RESTORED }.count == 10)
      recording.stop(VSND_STOP_DISCARD)
      ear.end()
    }

    @Test("a server that hangs holds up neither start, stop nor close, and goes on when it wakes")
    func hangs() throws {
      let server = try Self.server()
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(period: 960)
      shape.buffer = 7680
      let mouth = GuestOnFeed(shape, playing: Self.pattern(480_000, shape))
      let playing = try instance.open(shape, mouth.feed)
      try playing.start()
      #expect(settles(within: 3) { mouth.feed.committed > 9600 })
      kill(server.pid("VS_PULSE_PID"), SIGSTOP)
      usleep(300_000)
      let still = mouth.feed.committed
      let started = Date()
      playing.stop(VSND_STOP_HOLD)
      try playing.start()
      let other = try instance.open(shape, FakeFeed(playing: [], frameBytes: 4))
      try other.start()
      other.stop(VSND_STOP_DISCARD)
      #expect(Date().timeIntervalSince(started) < 2)
      kill(server.pid("VS_PULSE_PID"), SIGCONT)
      #expect(settles(within: 4) { mouth.feed.committed > still + 9600 })
      playing.stop(VSND_STOP_DISCARD)
      mouth.end()
    }

    @Test("no server at the start: a stream opens, waits, and plays when there is one")
    func absent() throws {
      let server = try Self.server()
      try server.crash()
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(period: 960)
      let mouth = GuestOnFeed(shape, playing: Self.pattern(48_000, shape))
      let playing = try instance.open(shape, mouth.feed)
      try playing.start()
      #expect(mouth.feed.committed == 0)
      try server.restart()
      #expect(settles(within: 4) { mouth.feed.committed > 0 })
      playing.stop(VSND_STOP_DISCARD)
      mouth.end()
    }

    @Test("a stream that the user ends is asked for again; one that is moved goes on")
    func killedAndMoved() throws {
      let server = try Self.server()
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(period: 960)
      shape.buffer = 7680
      let mouth = GuestOnFeed(shape, playing: Self.pattern(960_000, shape))
      let playing = try instance.open(shape, mouth.feed)
      try playing.start()
      for command in ["move-sink-input", "suspend", "kill-sink-input"] {
        let before = mouth.feed.committed
        #expect(settles(within: 4) { mouth.feed.committed > before + 9600 }, "before \(command)")
        let line = try SoundServer.tool(["pactl", "list", "short", "sink-inputs"])
        let id = String(line.split(separator: "\t").first ?? "")
        switch command {
        case "suspend":
          try SoundServer.tool(["pactl", "suspend-sink", "vs_in", "1"])
          usleep(200_000)
          try SoundServer.tool(["pactl", "suspend-sink", "vs_in", "0"])
        case "move-sink-input": try SoundServer.tool(["pactl", command, id, "vs_in"])
        default: try Self.command("\(command) \(id)")
        }
        let after = mouth.feed.committed
        #expect(settles(within: 4) { mouth.feed.committed > after + 9600 }, "after \(command)")
      }
      playing.stop(VSND_STOP_DISCARD)
      mouth.end()
      withExtendedLifetime(server) {}
    }

    @Test("pipewire-pulse plays and records exactly too")
    func pipewire() throws {
      let server = try SoundServer("pipewire-up", ["-w", "-p", "-q", "1024"], folder: "VS_PIPEWIRE_DIR")
      let instance = try LoadedPlugin("pulse").instance()
      var shape = Shape(format: 5, period: 960)
      shape.buffer = 9600
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
      var shape = Shape(period: 960)
      shape.buffer = 9600
      try expectExact(instance, shape, frames: 24_000)
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
      playing.stop(VSND_STOP_DRAIN)
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

    /// Gives the server a command that pactl does not have.
    static func command(_ line: String) throws {
      let port = 48_130 + Int(getpid() % 1000)
      try SoundServer.tool([
        "pactl", "load-module", "module-cli-protocol-tcp", "port=\(port)", "listen=127.0.0.1",
      ])
      try SoundServer.tool([
        "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); echo \(line) >&3; sleep 0.1",
      ])
    }

    static var descriptors: Int {
      ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).count
    }

    static func silence(_ shape: Shape) -> UInt8 { shape.format == 4 ? 0x80 : 0 }

    /// Full-scale values that the format holds; none of them is silence at the edges.
    static func pattern(_ frames: Int, _ shape: Shape) -> [UInt8] {
      var bytes: [UInt8] = []
      var state: UInt64 = 7
      for _ in 0..<frames * Int(shape.channels) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let value = Int32(truncatingIfNeeded: state >> 32) | 0x0101_0101
        switch shape.format {
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
