// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

extension SoundServers.JACK {
  /// What ports may carry: full scale and beyond it, no numbers, and halves of the last bit of 16.
  private static let floats: [Float] = [
    0.75, 1, -1, 2, -2, .nan, .infinity, -.infinity, 0.5 / 32768, 1.5 / 32768, -0.5 / 32768, 0.25,
  ]

  /// The same as a guest records it, by its format.
  private static let recorded: [(format: UInt32, values: [Int32])] = [
    (5, [24_576, 32_767, -32_768, 32_767, -32_768, 0, 32_767, -32_768, 0, 2, 0, 8192]),
    (
      15,
      [
        6_291_456, 8_388_607, -8_388_608, 8_388_607, -8_388_608, 0, 8_388_607, -8_388_608, 128, 384, -128,
        2_097_152,
      ]
    ),
    (
      17,
      [
        1_610_612_736, .max, .min, .max, .min, 0, .max, .min, 32_768, 98_304, -32_768, 536_870_912,
      ]
    ),
  ]

  @Test("what is beyond full scale is clipped, halves go to the even number, and no number is silence")
  func converts() throws {
    let pair = try JACKPair(period: 64)
    for (format, values) in Self.recorded {
      let output = FakeFeed(playing: [], frameBytes: 4)
      let playing = try pair.player.open(Shape(format: 19, channels: 1, period: 64, map: [3]), output)
      var shape = Shape(direction: VSND_CAPTURE, stream: 1, format: format, channels: 1, period: 64, map: [3])
      shape.device = "^player:"
      let ear = FakeFeed(recording: 1 << 20, frameBytes: shape.frameBytes)
      let recording = try pair.listener.open(shape, ear)
      try recording.start()
      try playing.start()
      let start = ear.committed
      output.append(Self.floats.flatMap { value in withUnsafeBytes(of: value) { Array($0) } })
      #expect(settles(within: 2) { output.ready == 0 && ear.committed > start + 1024 })
      playing.stop(VSND_STOP_DISCARD)
      recording.stop(VSND_STOP_DISCARD)

      let heard = ear.data.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: shape.frameBytes).map { at in
          shape.frameBytes == 2
            ? Int32(bytes.loadUnaligned(fromByteOffset: at, as: Int16.self))
            : bytes.loadUnaligned(fromByteOffset: at, as: Int32.self)
        }
      }
      #expect(Array(heard.drop { $0 == 0 }.prefix(values.count)) == values, "format \(format)")
    }
    withExtendedLifetime(pair) {}
  }
}
