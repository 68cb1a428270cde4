// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Keeps a hostile front-end from filling the log: a burst of lines, then a few in each minute.
///
/// Pure: time comes from outside, in nanoseconds of CLOCK_MONOTONIC.
struct LogLimit {
  static let burst: UInt64 = 20
  /// One more line for so many nanoseconds.
  static let interval: UInt64 = 2_000_000_000

  /// In nanoseconds, `interval` for each line.
  private var credit = burst * interval
  private var last: UInt64 = 0
  private var dropped = 0

  /// Asks for a line at `now`.
  ///
  /// - Returns: nil to leave it out, else how many were left out before it.
  mutating func admit(at now: UInt64) -> Int? {
    if last != 0, now > last { credit = min(credit + (now - last), Self.burst * Self.interval) }
    last = max(now, last)
    guard credit >= Self.interval else {
      dropped += 1
      return nil
    }
    credit -= Self.interval
    defer { dropped = 0 }
    return dropped
  }
}
