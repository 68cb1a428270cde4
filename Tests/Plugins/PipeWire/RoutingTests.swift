// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers.PipeWire {
  @Suite(.serialized)
  struct RoutingTests {
    private struct Row {
      let id: String
      let title: String
      let flags: UInt32
    }

    /// The devices of vsnd.devices/1.
    private func devices(_ instance: Instance, _ direction: UInt32) throws -> [Row] {
      final class Sink { var rows: [Row] = [] }
      let sink = Sink()
      let table = try present(instance.plugin.ops.extension?(instance.handle, VSND_EXT_DEVICES))
      let enumerate = try present(table.assumingMemoryBound(to: vsnd_devices_t.self).pointee.enumerate)
      try check { error in
        enumerate(
          instance.handle, direction,
          { sink, device in
            let id = device.pointee.id.map { String(cString: $0) } ?? "?"
            let title = device.pointee.title.map { String(cString: $0) } ?? "?"
            let list = Unmanaged<Sink>.fromOpaque(UnsafeRawPointer(sink)).takeUnretainedValue()
            list.rows.append(Row(id: id, title: title, flags: device.pointee.flags))
          }, OpaquePointer(Unmanaged.passUnretained(sink).toOpaque()), error)
      }
      return withExtendedLifetime(sink) { sink.rows }
    }

    @Test(
      "streams follow the default, moves, removed sinks and suspension, and lose nothing; devices are listed")
    func follows() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let host = FakeHost()
      let instance = try LoadedPlugin("pipewire").instance(["vm-name": "vm"], host: host)
      #expect(try devices(instance, VSND_PLAYBACK).map(\.id) == ["vs_out"])
      try SoundServers.PipeWire.createSecondSink()
      #expect(settles(within: 2) { host.events.contains(VSND_EVENT_DEVICES) })
      let sinks = try devices(instance, VSND_PLAYBACK)
      #expect(Set(sinks.map(\.id)) == ["vs_out", "vs_two"])
      #expect(sinks.filter { $0.flags & VSND_DEVICE_DEFAULT != 0 }.map(\.id) == ["vs_out"])
      #expect(sinks.first { $0.id == "vs_two" }?.title == "Second")
      #expect(try devices(instance, VSND_CAPTURE).map(\.id) == ["vs_mic"])

      let guest = GuestOnFeed(Shape(), playing: Echo.samples(48_000 * 20, Shape()))
      let stream = try instance.open(Shape(), guest.feed)
      try stream.start()
      func goesOn(_ what: String) {
        let before = guest.feed.committed
        #expect(settles(within: 2) { guest.feed.committed > before + 4800 }, "\(what)")
      }
      func expectOn(_ sink: String) throws {
        #expect(
          try SoundServers.PipeWire.settlesOnLink("vm.playback.0:output_FL", "\(sink):playback_FL"),
          "not on \(sink)")
        goesOn(sink)
      }
      try expectOn("vs_out")

      try SoundServer.tool([
        "pw-metadata", "0", "default.configured.audio.sink", "{ \"name\": \"vs_two\" }", "Spa:String:JSON",
      ])
      try expectOn("vs_two")
      #expect(
        try devices(instance, VSND_PLAYBACK).filter { $0.flags & VSND_DEVICE_DEFAULT != 0 }.map(\.id) == [
          "vs_two"
        ])

      try SoundServer.tool([
        "pw-metadata", try SoundServers.PipeWire.node("vm.playback.0"), "target.node",
        try SoundServers.PipeWire.node("vs_out"),
      ])
      try expectOn("vs_out")
      try SoundServer.tool([
        "pw-metadata", "-d", try SoundServers.PipeWire.node("vm.playback.0"), "target.node",
      ])
      try expectOn("vs_two")

      try SoundServer.tool([
        "pw-cli", "set-param", try SoundServers.PipeWire.node("vm.playback.0"), "Props",
        "{ mute: true, volume: 0.5 }",
      ])
      goesOn("muted")
      try SoundServer.tool([
        "pw-cli", "send-command", try SoundServers.PipeWire.node("vs_two"), "Suspend", "{}",
      ])
      goesOn("suspended")
      try SoundServer.tool(["pw-cli", "destroy", try SoundServers.PipeWire.node("vs_two")])
      try expectOn("vs_out")
      // The user ends the stream's node; it is made anew.
      try SoundServer.tool(["pw-cli", "destroy", try SoundServers.PipeWire.node("vm.playback.0")])
      try expectOn("vs_out")
      #expect(guest.feed.failures.isEmpty)
      stream.stop(VSND_STOP_DISCARD)
      guest.end()
      withExtendedLifetime(server) {}
    }

    @Test("a stream goes to the device that it names, with the names that mixers show")
    func namesDevice() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      try SoundServers.PipeWire.createSecondSink()
      let instance = try SoundServers.PipeWire.instance([
        "vm-name": "Fedora", "role": "Game", "remix": "false",
      ])
      var shape = Shape()
      shape.device = "vs_two"
      let echo = try Echo(instance, shape, monitor: "vs_two.monitor")
      try echo.expectExact(frames: 9600)
      let info = try SoundServer.tool(["pw-cli", "info", try SoundServers.PipeWire.node("Fedora.playback.0")])
      for property in [
        "application.name = \"Fedora\"", "node.description = \"Fedora: test\"", "media.role = \"Game\"",
        "media.category = \"Playback\"", "stream.dont-remix = \"true\"", "node.latency = \"480/48000\"",
        "target.object = \"vs_two\"",
      ] { #expect(info.contains(property), "\(property) is not in \(info)") }
      withExtendedLifetime(server) {}
    }
  }
}
