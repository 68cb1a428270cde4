// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform

/// Sleeping with a deadline and a way to be woken.
package enum Wait {
  /// What ended a sleep.
  package struct Outcome: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let first = Outcome(rawValue: 1)
    package static let second = Outcome(rawValue: 2)
  }

  /// Sleeps until `deadline` (CLOCK_MONOTONIC, ns; nil for ever), or until a descriptor is readable.
  ///
  /// May end early without a reason: look at the clock again.
  package static func until(_ deadline: UInt64?, _ first: Int32, or second: Int32 = -1) -> Outcome {
    Outcome(rawValue: vsnd_wait(first, second, deadline ?? .max))
  }

  /// Asks for real-time scheduling of the calling thread.
  ///
  /// - Parameter priority: 1...99; sound servers use 88 and less.
  /// - Returns: whether it was granted.
  package static func beRealTime(priority: Int32) -> Bool { vsnd_thread_realtime(priority) == 0 }
}
