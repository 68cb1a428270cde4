// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Keeps whoever is talkative, or hostile, from filling the log: a burst of lines, then one now and then.
///
/// Pure: time comes from outside, in nanoseconds of CLOCK_MONOTONIC.
package struct LineLimit {
  /// Lines that may come at once.
  package static let burst: UInt64 = 20

  /// One more line is earned every so many nanoseconds.
  private let earned: UInt64
  /// Nanoseconds of credit, worth a line for each `earned`.
  private var credit: UInt64
  private var last: UInt64 = 0
  private var dropped: UInt64 = 0

  /// - Parameter earned: nanoseconds for each line beyond the burst.
  package init(earning earned: UInt64) {
    self.earned = earned
    credit = Self.burst * earned
  }

  /// Asks whether a line may be written at `now`.
  ///
  /// - Returns: nil to drop it, else how many lines were dropped before it.
  package mutating func admit(at now: UInt64) -> UInt64? {
    if last != 0, now > last { credit = min(credit &+ (now - last), Self.burst * earned) }
    last = max(now, last)
    guard credit >= earned else {
      dropped += 1
      return nil
    }
    credit -= earned
    defer { dropped = 0 }
    return dropped
  }
}
