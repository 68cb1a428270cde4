// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// When frames are due on the daemon's own clock: tick n comes `n × period / rate` seconds after the start.
///
/// Pure integer arithmetic from the start on, so that nothing accumulates rounding. Times are nanoseconds of
/// CLOCK_MONOTONIC.
struct PeriodGrid {
  let start: UInt64
  /// Frames in a tick; at least those of a millisecond, so that a tiny period does not burn a CPU.
  let period: UInt32
  let rate: UInt32
  /// After a stall of these frames or more, the lost time stays lost.
  let buffer: UInt32
  private(set) var ticks: UInt64 = 0

  init(start: UInt64, period: UInt32, rate: UInt32, buffer: UInt32) {
    self.start = start
    self.rate = max(1, rate)
    self.period = max(1, period, self.rate / 1000)
    self.buffer = max(buffer, self.period)
  }

  /// The grid whose first tick is at `first`.
  init(first: UInt64, period: UInt32, rate: UInt32, buffer: UInt32) {
    let grid = PeriodGrid(start: 0, period: period, rate: rate, buffer: buffer)
    let length = Self.duration(of: UInt64(grid.period), at: grid.rate)
    self.init(start: first > length ? first - length : 0, period: period, rate: rate, buffer: buffer)
  }

  /// When the next tick comes.
  var next: UInt64 { start &+ Self.duration(of: (ticks + 1) * UInt64(period), at: rate) }

  /// Takes the frames that are due at `now`.
  ///
  /// A late call gets all that it missed, so that the rate stays true. After a stall as long as the buffer
  /// it gets one period only: the guest has run dry, and a burst would not bring the time back. Linux even
  /// takes a burst of exactly one buffer for no progress at all, since it counts modulo the buffer.
  mutating func take(at now: UInt64) -> UInt32 {
    guard now >= next else { return 0 }
    let elapsed = now - start
    let frames =
      elapsed / 1_000_000_000 * UInt64(rate) + elapsed % 1_000_000_000 * UInt64(rate) / 1_000_000_000
    let reached = frames / UInt64(period)
    let due = (reached - ticks) * UInt64(period)
    ticks = reached
    return due < UInt64(buffer) ? UInt32(due) : period
  }

  /// Nanoseconds that `frames` last, rounded up: a tick never comes early.
  static func duration(of frames: UInt64, at rate: UInt32) -> UInt64 {
    let (seconds, rest) = frames.quotientAndRemainder(dividingBy: UInt64(rate))
    return seconds * 1_000_000_000 + (rest * 1_000_000_000 + UInt64(rate) - 1) / UInt64(rate)
  }
}
