// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers.PipeWire {
  @Suite(.serialized)
  struct FailureTests {
    /// A stream that goes on for the whole test, and what it reports.
    private func playing(_ instance: Instance) throws -> (GuestOnFeed, OpenStream) {
      let guest = GuestOnFeed(Shape(), playing: Echo.samples(48_000 * 15, Shape()))
      let stream = try instance.open(Shape(), guest.feed)
      try stream.start()
      return (guest, stream)
    }

    private func goesOn(_ guest: GuestOnFeed, within seconds: Double) -> Bool {
      let before = guest.feed.committed
      return settles(within: seconds) { guest.feed.committed > before + 2400 }
    }

    @Test(
      "a server that is killed again and again is back within two seconds of its return, and nothing leaks")
    func outlivesServer() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let host = FakeHost()
      let instance = try LoadedPlugin("pipewire").instance(host: host)
      let (guest, stream) = try playing(instance)
      #expect(goesOn(guest, within: 2))
      var before = Holdings.now
      for round in 1...3 {
        try server.crash()
        #expect(settles(within: 0.5) { guest.feed.failures.count == round }, "\(guest.feed.failures)")
        try server.restart()
        #expect(goesOn(guest, within: 2), "round \(round)")
        if round == 1 { before = .now } else if round < 3 { before.allow(.now) }
      }
      #expect(
        settles(within: 1) { Holdings.now.isWithin(slack: 0, of: before) }, "\(before); \(Holdings.now)")
      #expect(host.events.filter { $0 == VSND_EVENT_RESTORED }.count == 3)
      stream.stop(VSND_STOP_DISCARD)
      guest.end()
    }

    @Test("a server that is stopped keeps nobody waiting, and goes on when it is continued")
    func outlivesStop() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let instance = try SoundServers.PipeWire.instance()
      let (guest, stream) = try playing(instance)
      #expect(goesOn(guest, within: 2))
      kill(try server.pid("VS_PIPEWIRE_PID"), SIGSTOP)
      usleep(300_000)
      let began = Date()
      let other = GuestOnFeed(Shape(), playing: Echo.samples(4800, Shape()))
      let second = try instance.open(Shape(), other.feed)
      try second.start()
      second.stop(VSND_STOP_HOLD)
      stream.stop(VSND_STOP_HOLD)
      try stream.start()
      #expect(Date().timeIntervalSince(began) < 1.2)
      kill(try server.pid("VS_PIPEWIRE_PID"), SIGCONT)
      #expect(goesOn(guest, within: 2))
      try second.start()
      #expect(settles(within: 2) { other.isDone })
      for stream in [stream, second] { stream.stop(VSND_STOP_DISCARD) }
      for guest in [guest, other] { guest.end() }
    }

    /// Sink and source are the manager's, as those of cards are: WirePlumber 0.4.13 waits for ever for nodes of
    /// pipewire.conf that an earlier WirePlumber has set up, and links nobody while it waits.
    @Test("the session manager after a killed one links all within two seconds, and nothing leaks")
    func outlivesManager() throws {
      let server = try SoundServers.PipeWire.server("-s", "-q", "1024")
      let instance = try SoundServers.PipeWire.instance()
      let (guest, stream) = try playing(instance)
      var input = Shape()
      input.direction = VSND_CAPTURE
      input.stream = 1
      let ear = GuestOnFeed(recording: input)
      let recording = try instance.open(input, ear.feed)
      try recording.start()
      #expect(goesOn(guest, within: 2) && goesOn(ear, within: 2))
      var before = Holdings.now
      for round in 1...4 {
        kill(try server.pid("VS_WIREPLUMBER_PID"), SIGKILL)
        #expect(settles(within: 1) { stands(guest) }, "round \(round)")
        try server.revive(["-W"])
        #expect(goesOn(guest, within: 2), "playing, round \(round)")
        #expect(goesOn(ear, within: 2), "recording, round \(round)")
        if round == 1 { before = .now } else if round < 4 { before.allow(.now) }
      }
      #expect(
        settles(within: 1) { Holdings.now.isWithin(slack: 0, of: before) }, "\(before); \(Holdings.now)")
      #expect(guest.feed.failures.isEmpty && ear.feed.failures.isEmpty)
      for stream in [stream, recording] { stream.stop(VSND_STOP_DISCARD) }
      for guest in [guest, ear] { guest.end() }
    }

    /// Whether nothing moves it for a tenth of a second.
    private func stands(_ guest: GuestOnFeed) -> Bool {
      let before = guest.feed.committed
      usleep(100_000)
      return guest.feed.committed == before
    }

    @Test("without a server a stream opens and starts, and plays as soon as there is one")
    func startsWithoutServer() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      try server.crash()
      let (guest, stream) = try playing(try SoundServers.PipeWire.instance())
      usleep(500_000)
      #expect(guest.feed.acquires == 0)
      try server.restart()
      #expect(goesOn(guest, within: 2))
      stream.stop(VSND_STOP_DISCARD)
      guest.end()
    }
  }
}
