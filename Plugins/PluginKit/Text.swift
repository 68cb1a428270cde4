// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc

/// Bytes of text: what log lines, errors and option values are made of.
///
/// Takes the place of String, whose interpolation would more than double the size of a backend.
public struct Text: ExpressibleByStringInterpolation, Equatable, Sendable {
  private var bytes: [UInt8] = []

  public init(stringLiteral value: StaticString) { append(value) }

  public init(stringInterpolation: Interpolation) { self = stringInterpolation.text }

  /// Copies a C string.
  @unsafe
  public init(cString: UnsafePointer<CChar>) { unsafe append(cString, count: strlen(cString)) }

  public init(_ bytes: ArraySlice<UInt8>) { self.bytes = [UInt8](bytes) }

  /// How many bytes there are.
  public var count: Int { bytes.count }

  /// The bytes, without an end mark.
  public var utf8: [UInt8] { bytes }

  /// Lends the text as a C string; it ends at its first zero byte.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let ended = bytes + [0]
    return unsafe ended.withUnsafeBufferPointer { all in
      // SAFETY: there is at least the end mark, so the buffer has a base.
      unsafe body(UnsafeRawPointer(all.baseAddress.unsafelyUnwrapped).assumingMemoryBound(to: CChar.self))
    }
  }

  /// Copies the bytes to `target`, which has room for them, and returns how many they are.
  @unsafe @discardableResult
  public func copy(to target: UnsafeMutablePointer<CChar>) -> Int {
    for index in bytes.indices { unsafe target[index] = CChar(bitPattern: bytes[index]) }
    return bytes.count
  }

  /// Whether the text is this literal; allocates nothing.
  public func `is`(_ literal: StaticString) -> Bool {
    guard bytes.count == literal.utf8CodeUnitCount else { return false }
    for index in bytes.indices where unsafe bytes[index] != literal.utf8Start[index] { return false }
    return true
  }

  fileprivate mutating func append(_ literal: StaticString) {
    unsafe append(PluginKit.text(literal), count: literal.utf8CodeUnitCount)
  }

  fileprivate mutating func append(_ text: UnsafePointer<CChar>, count: Int) {
    bytes.reserveCapacity(bytes.count + count)
    for index in 0..<count { unsafe bytes.append(UInt8(bitPattern: text[index])) }
  }

  fileprivate mutating func append(_ number: UInt64) {
    if number >= 10 { append(number / 10) }
    bytes.append(UInt8(truncatingIfNeeded: 48 + number % 10))
  }

  fileprivate mutating func append(_ text: Text) { bytes.append(contentsOf: text.bytes) }

  /// Collects the parts of an interpolated literal.
  public struct Interpolation: StringInterpolationProtocol {
    fileprivate var text: Text = ""

    public init(literalCapacity: Int, interpolationCount: Int) {}

    public mutating func appendLiteral(_ literal: StaticString) { text.append(literal) }

    public mutating func appendInterpolation(_ literal: StaticString) { text.append(literal) }

    public mutating func appendInterpolation(_ other: Text) { text.append(other) }

    public mutating func appendInterpolation(_ number: UInt64) { text.append(number) }

    public mutating func appendInterpolation(_ number: UInt32) { text.append(UInt64(number)) }

    public mutating func appendInterpolation(_ number: Int) {
      if number < 0 { appendLiteral("-") }
      text.append(UInt64(number.magnitude))
    }

    public mutating func appendInterpolation(_ number: Int32) { appendInterpolation(Int(number)) }

    @unsafe
    public mutating func appendInterpolation(cString: UnsafePointer<CChar>) {
      unsafe text.append(cString, count: strlen(cString))
    }

    /// Appends the system's words for an errno.
    public mutating func appendInterpolation(errno: Int32) {
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let base = buffer.baseAddress else { return }
        // SAFETY: strerror_r ends what it writes, and the first byte is set in case it writes nothing.
        unsafe base.initialize(to: 0)
        _ = unsafe strerror_r(errno, base, buffer.count)
        unsafe text.append(base, count: strlen(base))
      }
    }
  }
}
