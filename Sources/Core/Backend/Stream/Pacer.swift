// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The grid of period deadlines: start + n · frames / rate, in integers, so that no rounding adds up.
struct Pacer: Equatable {
  let periodFrames: UInt32
  let rate: UInt32
  /// CLOCK_MONOTONIC in ns at which the first period began.
  private(set) var start: UInt64
  /// Periods that were given out.
  private(set) var periods: UInt64 = 0
  private let bufferFrames: UInt32

  /// - Parameters:
  ///   - periodFrames: above 0.
  ///   - rate: frames in a second, above 0.
  ///   - bufferFrames: the guest's buffer: the most that is caught up after a stall.
  init(periodFrames: UInt32, bufferFrames: UInt32, rate: UInt32, start: UInt64) {
    self.periodFrames = max(1, periodFrames)
    self.bufferFrames = max(bufferFrames, periodFrames)
    self.rate = max(1, rate)
    self.start = start
  }

  /// When the next period ends, in ns.
  var deadline: UInt64 { start + nanoseconds(periods + 1) }

  /// The length of `count` periods in ns; exact for centuries.
  private func nanoseconds(_ count: UInt64) -> UInt64 {
    let frames = count * UInt64(periodFrames)
    let seconds = frames / UInt64(rate)
    return seconds * 1_000_000_000 + (frames % UInt64(rate)) * 1_000_000_000 / UInt64(rate)
  }

  /// Gives out the next period if `now` has reached its end.
  ///
  /// After a stall longer than the guest's buffer the grid moves: the guest has run dry anyway, and
  /// catching up would only be a burst.
  mutating func take(_ now: UInt64) -> Bool {
    guard now >= deadline else { return false }
    let buffer = UInt64(bufferFrames) * 1_000_000_000 / UInt64(rate)
    if now - deadline > buffer {
      start = now - nanoseconds(1)
      periods = 0
    }
    periods += 1
    return true
  }
}
