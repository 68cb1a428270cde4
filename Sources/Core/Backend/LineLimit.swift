// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Decides which lines of a talkative backend are worth a place in the log.
///
/// Pure: time comes from outside, in nanoseconds of CLOCK_MONOTONIC.
struct LineLimit {
  /// Lines that may come at once.
  static let burst: UInt64 = 20
  /// One more line is earned every so many nanoseconds.
  static let earned: UInt64 = 500_000_000

  /// Nanoseconds of credit, worth a line for each `earned`.
  private var credit = burst * earned
  private var last: UInt64 = 0
  private var dropped: UInt64 = 0

  /// Asks whether a line may be written at `now`.
  ///
  /// - Returns: nil to drop it, else how many lines were dropped before it.
  mutating func admit(at now: UInt64) -> UInt64? {
    if last != 0, now > last { credit = min(credit &+ (now - last), Self.burst * Self.earned) }
    last = max(now, last)
    guard credit >= Self.earned else {
      dropped += 1
      return nil
    }
    credit -= Self.earned
    defer { dropped = 0 }
    return dropped
  }
}
