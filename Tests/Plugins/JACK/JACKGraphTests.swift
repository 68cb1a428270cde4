// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

/// What users and servers do to a graph while guests play.
extension SoundServers.JACK {
  @Test("ports are named after the channel map, and streams have ports, or clients, of their own")
  func portNames() throws {
    let server = try Self.server(period: 256)
    let instance = try Self.client("vm")
    let streams = try Self.openAll(instance)
    let ports = try SoundServer.tool(["jack_lsp", "vm"]).split(separator: "\n").map(String.init).sorted()
    #expect(
      ports
        == [
          "vm:capture3_FL", "vm:capture_FL", "vm:capture_FR", "vm:playback2_FC", "vm:playback2_FL",
          "vm:playback2_FR", "vm:playback2_LFE", "vm:playback2_RL", "vm:playback2_RR", "vm:playback_FL",
          "vm:playback_FR",
        ].sorted())

    let split = try LoadedPlugin("jack").instance([
      "client-name": "apart", "clients": "stream", "connect": "none",
    ])
    let others = try Self.openAll(split)
    let apart = try SoundServer.tool(["jack_lsp", "apart-"])
    #expect(apart.contains("apart-0:playback_FL") && apart.contains("apart-3:capture3_FL"), "\(apart)")
    withExtendedLifetime((server, streams, others)) {}
  }

  /// Two outputs and two inputs.
  private static func openAll(_ instance: Instance) throws -> [OpenStream] {
    let shapes: [(UInt32, UInt32, UInt32)] = [
      (0, VSND_PLAYBACK, 2), (1, VSND_CAPTURE, 2), (2, VSND_PLAYBACK, 6), (3, VSND_CAPTURE, 1),
    ]
    return try shapes.map { number, direction, channels in
      var shape = Shape(direction: direction, stream: number, channels: channels)
      if channels == 6 { shape.map = [3, 4, 7, 8, 5, 6] }
      return try instance.open(shape, FakeFeed(recording: 0, frameBytes: shape.frameBytes))
    }
  }

  @Test("only the graph's rate and formats that floats hold are offered")
  func offers() throws {
    let server = try Self.server(period: 256, "-r", "44100")
    let instance = try Self.client("vm")
    let caps = try instance.query(VSND_PLAYBACK)
    #expect(caps.rates == 1 << 6)
    #expect(caps.formats == 1 << 5 | 1 << 11 | 1 << 15 | 1 << 17 | 1 << 19)
    let failure = #expect(throws: PluginFailure.self) {
      _ = try instance.open(Shape(), FakeFeed(recording: 0, frameBytes: 4))
    }
    #expect(failure?.code == VSND_E_UNSUPPORTED)
    #expect(failure?.text == "the graph runs at 44100 Hz, and the stream is to have 48000 Hz")
    withExtendedLifetime(server) {}
  }

  @Test("ports are connected to the physical ones, or to what a pattern finds as soon as it is there")
  func connects() throws {
    let server = try Self.server(period: 256)
    let physical = try Self.client("physical", connect: "auto")
    let first = try physical.open(Shape(), FakeFeed(playing: [], frameBytes: 4))
    #expect(Self.connections("physical:playback_FR") == ["system:playback_2"])

    let patient = try Self.client("patient", connect: "^late:")
    let second = try patient.open(Shape(), FakeFeed(playing: [], frameBytes: 4))
    #expect(Self.connections("patient:playback_FL").isEmpty)
    let late = try Self.client("late")
    let third = try late.open(
      Shape(direction: VSND_CAPTURE, stream: 1), FakeFeed(recording: 0, frameBytes: 4))
    #expect(settles(within: 2) { Self.connections("patient:playback_FL") == ["late:capture_FL"] })
    withExtendedLifetime((server, first, second, third)) {}
  }

  @Test(
    "what a user disconnects stays so, what a user connects comes back with the server, and the stream goes on"
  )
  func remembersUsers() throws {
    let server = try Self.server(period: 256)
    let instance = try Self.client("vm", connect: "auto")
    let (guest, stream) = try Self.playing(instance)
    try SoundServer.tool(["jack_disconnect", "vm:playback_FL", "system:playback_1"])
    usleep(600_000)
    #expect(Self.connections("vm:playback_FL").isEmpty)
    try SoundServer.tool(["jack_connect", "vm:playback_FL", "system:playback_2"])
    #expect(Self.goesOn(guest))
    usleep(600_000)
    try server.crash()
    try server.restart()
    #expect(settles(within: 2) { Self.connections("vm:playback_FL") == ["system:playback_2"] })
    #expect(Self.goesOn(guest))
    stream.stop(VSND_STOP_DISCARD)
    guest.end()
  }

  @Test("a graph with other cycles, or without a clock, is met: streams go on, or are opened anew")
  func changes() throws {
    let server = try Self.server(period: 256)
    let instance = try Self.client("vm", connect: "auto")
    let (guest, stream) = try Self.playing(instance)
    #expect(stream.info.period_frames == 256)
    #expect(stream.info.delay_frames == 256)
    #expect(Self.goesOn(guest))
    #expect(guest.feed.delays.compactMap { $0 }.max() == 512, "a cycle in the port, a cycle to the ear")

    try SoundServer.tool(["jack_bufsize", "128"])
    #expect(Self.goesOn(guest), "shorter cycles")
    #expect(guest.feed.failures.isEmpty)

    try SoundServer.tool(["jack_freewheel", "y"])
    usleep(100_000)
    let before = guest.feed.committed
    usleep(200_000)
    let during = guest.feed.committed - before
    #expect(during < 48_000, "played \(during) frames in 0.2 s of a graph without a clock")
    try SoundServer.tool(["jack_freewheel", "n"])
    #expect(Self.goesOn(guest), "the clock is back")

    try SoundServer.tool(["jack_bufsize", "512"])
    #expect(settles(within: 1) { guest.feed.failures == [VSND_E_BUSY] }, "\(guest.feed.failures)")
    stream.stop(VSND_STOP_DISCARD)
    guest.end()
    withExtendedLifetime(server) {}
  }

  @Test("devices are the groups of ports that other clients and the hardware have")
  func devices() throws {
    let server = try Self.server(period: 256)
    let other = try Self.client("other")
    let stream = try other.open(
      Shape(direction: VSND_CAPTURE, stream: 1), FakeFeed(recording: 0, frameBytes: 4))
    let instance = try Self.client("vm")
    #expect(try instance.devices(VSND_PLAYBACK) == ["system:: system, 2 ports", "other:: other, 2 ports"])
    #expect(try instance.devices(VSND_CAPTURE) == ["system:: system, 2 ports"])
    withExtendedLifetime((server, stream)) {}
  }

  // MARK: Parts

  /// A guest that plays for the whole test.
  static func playing(_ instance: Instance) throws -> (GuestOnFeed, OpenStream) {
    let shape = Shape(buffer: 4800)
    let guest = GuestOnFeed(shape, playing: pattern(48_000 * 15, shape))
    let stream = try instance.open(shape, guest.feed)
    try stream.start()
    return (guest, stream)
  }

  static func goesOn(_ guest: GuestOnFeed, within seconds: Double = 2) -> Bool {
    let before = guest.feed.committed
    return settles(within: seconds) { guest.feed.committed > before + 2400 }
  }

  static func connections(_ port: String) -> [String] {
    let lines = ((try? SoundServer.tool(["jack_lsp", "-c", port])) ?? "").split(separator: "\n")
    return lines.filter { $0.hasPrefix(" ") }.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
