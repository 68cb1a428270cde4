// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

/// Servers that are away, die or hang.
extension SoundServers.JACK {
  @Test("a server that is killed again and again is back within two seconds of its return, and nothing leaks")
  func outlivesServer() throws {
    let server = try Self.server(period: 256)
    let host = FakeHost()
    let instance = try LoadedPlugin("jack").instance(["client-name": "vm"], host: host)
    let (guest, stream) = try Self.playing(instance)
    #expect(Self.goesOn(guest))
    var before = Holdings.now
    for round in 1...3 {
      try server.crash()
      #expect(settles(within: 1) { host.events.filter { $0 == VSND_EVENT_LOST }.count == round })
      try server.restart()
      #expect(Self.goesOn(guest), "round \(round)")
      #expect(settles(within: 1) { Self.connections("vm:playback_FL") == ["system:playback_1"] })
      if round == 1 { before = .now } else if round < 3 { before.allow(.now) }
    }
    #expect(settles(within: 1) { Holdings.now.isWithin(slack: 0, of: before) }, "\(before); \(Holdings.now)")
    #expect(host.events.filter { $0 == VSND_EVENT_RESTORED }.count == 3)
    stream.stop(VSND_STOP_DISCARD)
    guest.end()
  }

  @Test("a server that is stopped keeps nobody waiting, and goes on when it is continued")
  func outlivesStop() throws {
    let server = try Self.server(period: 256)
    let instance = try Self.client("vm", connect: "auto")
    let (guest, stream) = try Self.playing(instance)
    #expect(Self.goesOn(guest))
    kill(try server.pid("VS_JACK_PID"), SIGSTOP)
    usleep(1_500_000)
    let began = Date()
    let other = GuestOnFeed(Shape(stream: 2), playing: Self.pattern(4800, Shape()))
    let second = try instance.open(Shape(stream: 2), other.feed)
    try second.start()
    stream.stop(VSND_STOP_HOLD)
    try stream.start()
    _ = try instance.query(VSND_PLAYBACK)
    #expect(Date().timeIntervalSince(began) < 0.8)
    kill(try server.pid("VS_JACK_PID"), SIGCONT)
    #expect(Self.goesOn(guest, within: 3))
    #expect(guest.feed.xruns.contains(1), "the graph's xrun is told: \(guest.feed.xruns)")
    #expect(settles(within: 2) { other.isDone })
    for stream in [stream, second] { stream.stop(VSND_STOP_DISCARD) }
    for guest in [guest, other] { guest.end() }
  }

  @Test("without a server a stream opens and starts, and plays as soon as there is one")
  func startsWithoutServer() throws {
    let server = try Self.server(period: 256)
    try server.crash()
    let host = FakeHost()
    let instance = try LoadedPlugin("jack").instance(["client-name": "vm"], host: host)
    let (guest, stream) = try Self.playing(instance)
    usleep(300_000)
    #expect(guest.feed.committed == 0)
    #expect(host.logged.map(\.text) == ["there is no JACK server; trying again and again"])
    try server.restart()
    #expect(Self.goesOn(guest))
    #expect(host.events.contains(VSND_EVENT_RESTORED))
    stream.stop(VSND_STOP_DISCARD)
    guest.end()
  }
}
