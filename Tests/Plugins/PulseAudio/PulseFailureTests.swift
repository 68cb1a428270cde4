// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers {
  @Suite(.serialized, .enabled(if: pulseLacks == nil, "\(pulseLacks ?? "")"))
  struct PulseFailures {
    @Test("a server that is killed and comes back, ten times, is found again, and nothing is left behind")
    func restarts() throws {
      let server = try SoundServers.PulseAudio.server()
      let host = FakeHost()
      let instance = try LoadedPlugin("pulse").instance(host: host)
      let input = Shape(direction: VSND_CAPTURE, period: 960, buffer: 7680)
      let ear = GuestOnFeed(recording: input)
      let recording = try instance.open(input, ear.feed)
      try recording.start()
      var holdings: [Holdings] = []
      for round in 0..<10 {
        #expect(settles(within: 5) { ear.feed.committed > 0 }, "round \(round)")
        try server.crash()
        #expect(settles(within: 2) { ear.feed.failures.count == round + 1 })
        try server.restart()
        let before = ear.feed.committed
        #expect(settles(within: 4) { ear.feed.committed > before }, "not back in round \(round)")
        holdings.append(.now)
      }
      #expect(holdings[9].isWithin(slack: 2, of: holdings[1]), "\(holdings)")
      #expect(host.events.filter { $0 == VSND_EVENT_RESTORED }.count == 10)
      recording.stop(VSND_STOP_DISCARD)
      ear.end()
    }

    @Test("a server that hangs holds up neither start, stop nor close, and goes on when it wakes")
    func hangs() throws {
      let server = try SoundServers.PulseAudio.server()
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(period: 960, buffer: 7680)
      let (mouth, playing) = try Self.playing(instance, shape, frames: 480_000)
      #expect(settles(within: 3) { mouth.feed.committed > 9600 })
      kill(try server.pid("VS_PULSE_PID"), SIGSTOP)
      usleep(300_000)
      let still = mouth.feed.committed
      let started = Date()
      playing.stop(VSND_STOP_HOLD)
      try playing.start()
      let other = try instance.open(shape, FakeFeed(playing: [], frameBytes: 4))
      try other.start()
      other.stop(VSND_STOP_DISCARD)
      #expect(Date().timeIntervalSince(started) < 2)
      kill(try server.pid("VS_PULSE_PID"), SIGCONT)
      #expect(settles(within: 4) { mouth.feed.committed > still + 9600 })
      playing.stop(VSND_STOP_DISCARD)
      mouth.end()
    }

    @Test("no server at the start: a stream opens, waits, and plays when there is one")
    func absent() throws {
      let server = try SoundServers.PulseAudio.server()
      try server.crash()
      let instance = try LoadedPlugin("pulse").instance()
      let (mouth, playing) = try Self.playing(instance, Shape(period: 960), frames: 48_000)
      #expect(mouth.feed.committed == 0)
      try server.restart()
      #expect(settles(within: 4) { mouth.feed.committed > 0 })
      playing.stop(VSND_STOP_DISCARD)
      mouth.end()
    }

    @Test("a stream that the user ends is asked for again; one that is moved goes on")
    func killedAndMoved() throws {
      let server = try SoundServers.PulseAudio.server()
      let instance = try LoadedPlugin("pulse").instance()
      let shape = Shape(period: 960, buffer: 7680)
      let (mouth, playing) = try Self.playing(instance, shape, frames: 960_000)
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

    // MARK: Parts

    /// A guest that plays `frames` of a pattern, and its stream, which has started.
    static func playing(_ instance: Instance, _ shape: Shape, frames: Int) throws
      -> (GuestOnFeed, OpenStream)
    {
      let guest = GuestOnFeed(shape, playing: SoundServers.PulseAudio.pattern(frames, shape))
      let stream = try instance.open(shape, guest.feed)
      try stream.start()
      return (guest, stream)
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
  }
}
