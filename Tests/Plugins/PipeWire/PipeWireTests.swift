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

    static func instance(_ options: KeyValuePairs<String, String> = ["vm-name": "vm"]) throws -> Instance {
      try LoadedPlugin("pipewire").instance(options)
    }

    @Test("what the guest plays is what it records from the sink's monitor, in every format")
    func everyFormat() throws {
      let server = try Self.server("-w", "-q", "2048", "-m", "2048")
      let instance = try Self.instance()
      // Quanta within the guest's buffer, and larger than it.
      for (format, period) in [(5, 960), (19, 960), (5, 240)] as [(UInt32, UInt32)] {
        try Echo(instance, Shape(format: format, period: period)).expectExact(frames: 24_000)
      }
      // MU_LAW, A_LAW, S8, U8, S24_3, S24, S32, FLOAT64.
      for format in [1, 2, 3, 4, 11, 15, 17, 20] as [UInt32] {
        try Echo(instance, Shape(format: format, period: 960)).expectExact(frames: 4800)
      }
      withExtendedLifetime(server) {}
    }

    @Test("with eight and eighteen channels, each at its place", arguments: [8, 18])
    func channels(count: Int) throws {
      let server = try Self.server("-w", "-q", "2048", "-m", "2048", "-c", "\(count)")
      let instance = try Self.instance()
      var shape = Shape(channels: UInt32(count))
      shape.map = Array(Echo.places.prefix(count))
      try Echo(instance, shape).expectExact(frames: 9600)
      withExtendedLifetime(server) {}
    }

    @Test("without a session manager, linked by hand")
    func withoutManager() throws {
      let server = try Self.server("-q", "2048", "-m", "2048")
      let instance = try Self.instance(["vm-name": "vm", "ports": "true"])
      let echo = try Echo(instance, Shape())
      echo.connect = {
        for (from, to) in [("FL", "FL"), ("FR", "FR")] {
          try SoundServer.tool(["pw-link", "vs_out:monitor_\(from)", "vm.capture.1:input_\(to)"])
          try SoundServer.tool(["pw-link", "vm.playback.0:output_\(from)", "vs_out:playback_\(to)"])
        }
      }
      try echo.expectExact(frames: 24_000)
      withExtendedLifetime(server) {}
    }
  }
}
