// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Bytes that are found again wherever they are: pseudo-random full-scale 16-bit values, never zero.
enum Pattern {
  /// Values as little-endian bytes; the largest and the smallest value are among them.
  static func bytes(values: Int, seed: UInt64 = 7) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values * 2)
    var state = seed
    for index in 0..<values {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var value = UInt16(truncatingIfNeeded: state >> 40) ^ 0x8000
      if value == 0 { value = 1 }
      if index == 20 { value = 0x8000 }
      if index == 22 { value = 0x7fff }
      bytes.append(UInt8(truncatingIfNeeded: value))
      bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }
    return bytes
  }

  /// What guests record, over and over: 2.4 s when taken as 16-bit stereo at 48 kHz.
  ///
  /// Its length is a multiple of every frame size in use, so that the loop keeps frames whole.
  static let microphone = bytes(values: 576 * 400, seed: 99)
}
