// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

extension Array<UInt8> {
  /// Reads a number in the machine's byte order (VU-001), nil when it does not fit.
  package func number<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type, at offset: Int) -> T? {
    let size = T.bitWidth / 8
    guard offset >= 0, count >= size, offset <= count - size else { return nil }
    var value: T = 0
    for index in 0..<size { value |= T(self[offset + index]) << T(8 * index) }
    return T(littleEndian: value)
  }

  /// Adds a number in the machine's byte order.
  package mutating func append<T: FixedWidthInteger & UnsignedInteger>(number: T) {
    let value = number.littleEndian
    for index in 0..<(T.bitWidth / 8) { append(UInt8(truncatingIfNeeded: value >> T(8 * index))) }
  }

  /// The bytes of one number.
  package static func of<T: FixedWidthInteger & UnsignedInteger>(_ number: T) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: number)
    return bytes
  }
}
