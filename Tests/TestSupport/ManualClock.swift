// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A clock that stands still until a test moves it; nanoseconds.
package struct ManualClock {
  package private(set) var now: UInt64

  package init(now: UInt64 = 1_000_000_000) { self.now = now }

  package mutating func advance(milliseconds: UInt64) { now += milliseconds * 1_000_000 }
  package mutating func advance(nanoseconds: UInt64) { now += nanoseconds }
}
