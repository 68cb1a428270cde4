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
      let pair = try JACKPair(period: period)
      for (format, guest) in [(5, 480), (15, 64), (11, 1024), (19, 4096), (17, 256)] as [(UInt32, UInt32)] {
        let shape = Shape(format: format, period: guest, buffer: max(4 * guest, 4096))
        try pair.expectExact(shape, Self.pattern(12_000, shape))
      }
    }

    @Test("a guest whose buffer is a quarter of a cycle plays and records all the same")
    func smallBuffer() throws {
      let pair = try JACKPair(period: 1024)
      let shape = Shape(format: 5, period: 128, buffer: 512)
      try pair.expectAll(shape, Self.pattern(24_000, shape))
    }

    @Test("8 channels stay apart")
    func manyChannels() throws {
      let pair = try JACKPair(period: 256)
      let shape = Shape(format: 5, channels: 8, period: 480)
      try pair.expectExact(shape, Self.pattern(9_600, shape))
    }

    @Test("every 16-bit value, and 24-bit ones of every size, come back from float as they were")
    func roundTrip() throws {
      let pair = try JACKPair(period: 1024)
      var words: [UInt8] = []
      for value in Int16.min ... .max { withUnsafeBytes(of: value) { words += $0 } }
      try pair.expectExact(Shape(format: 5, channels: 1, period: 1024), words)
      var longs: [UInt8] = []
      for value in stride(from: Int32(-8_388_608), through: 8_388_607, by: 331) {
        withUnsafeBytes(of: value) { longs += $0 }
      }
      withUnsafeBytes(of: Int32(8_388_607)) { longs += $0 }
      try pair.expectExact(Shape(format: 15, channels: 1, period: 1024), longs)
    }

    // MARK: Parts

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
