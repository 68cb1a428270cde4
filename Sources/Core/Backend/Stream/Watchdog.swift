// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Tells when an audio context has stopped coming.
struct Watchdog: Equatable {
  /// How long it may stay away, in ns.
  let patience: UInt64
  private var attempts: UInt64
  private var lastSeen: UInt64

  /// - Parameters:
  ///   - bufferFrames: the guest's buffer, `hostFrames`: what the host takes at once.
  ///   - attempts: of the feed, as they are now.
  init(bufferFrames: UInt32, hostFrames: UInt32, rate: UInt32, attempts: UInt64, now: UInt64) {
    let buffer = UInt64(bufferFrames) * 1_500_000_000 / UInt64(max(1, rate))
    let host = UInt64(hostFrames) * 3_000_000_000 / UInt64(max(1, rate))
    // A machine under load lets threads wait for 30 ms and more: that is no failure.
    patience = max(80_000_000, buffer, host)
    self.attempts = attempts
    lastSeen = now
  }

  /// When to look again, in ns.
  var deadline: UInt64 { lastSeen + patience }

  /// Takes note of how many attempts there were up to now; false when it is too long that there was one.
  mutating func see(_ attempts: UInt64, now: UInt64) -> Bool {
    if attempts != self.attempts {
      self.attempts = attempts
      lastSeen = now
    }
    return now < deadline
  }
}

/// The pauses between attempts to reopen a device: 100 ms, doubling up to 2 s.
struct BackOff: Equatable {
  private var pause: UInt64 = 100_000_000
  private static let longest: UInt64 = 2_000_000_000

  /// The next pause in ns.
  mutating func next() -> UInt64 {
    defer { pause = min(pause * 2, Self.longest) }
    return pause
  }
}
