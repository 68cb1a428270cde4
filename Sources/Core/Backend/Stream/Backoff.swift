// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// How long to wait before the next try to reopen a device: 100 ms, doubling up to 2 s.
struct Backoff {
  static let first: UInt64 = 100_000_000
  static let longest: UInt64 = 2_000_000_000
  /// A device that held out so long starts over with the shortest pause.
  static let trusted: UInt64 = 2_000_000_000

  private var pause = first

  /// The pause before the next try, in nanoseconds.
  mutating func next() -> UInt64 {
    defer { pause = min(pause * 2, Self.longest) }
    return pause
  }

  mutating func reset() { pause = Self.first }
}
