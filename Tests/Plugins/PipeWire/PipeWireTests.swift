// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
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
        for side in ["FL", "FR"] {
          try Self.link("vs_out:monitor_\(side)", "vm.capture.1:input_\(side)")
          try Self.link("vm.playback.0:output_\(side)", "vs_out:playback_\(side)")
        }
      }
      try echo.expectExact(frames: 24_000)
      withExtendedLifetime(server) {}
    }

    /// Links two ports by hand; pw-link 1.4 ends only when both ends run, so nobody waits for it.
    private static func link(_ from: String, _ to: String) throws {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["pw-link", from, to]
      try process.run()
      #expect(try settlesOnLink(from, to), "\(from) is not linked to \(to)")
    }
  }
}
