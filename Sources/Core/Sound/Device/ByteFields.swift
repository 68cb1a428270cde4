// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Little-endian fields at fixed offsets, as all structures of the device are made (spec/virtio-snd).
extension [UInt8] {
  /// Reads the number at `offset`; nil where the bytes end before it does.
  func field<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T? {
    let size = T.bitWidth / 8
    guard offset >= 0, offset + size <= count else { return nil }
    var value: T = 0
    for index in (0..<size).reversed() { value = value << 8 | T(truncatingIfNeeded: self[offset + index]) }
    return value
  }

  /// Writes `value` at `offset`, which the array has room for.
  mutating func set<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    for index in 0..<(T.bitWidth / 8) {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * T(index)))
    }
  }
}
