// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform

/// Sleeping with a deadline and a way to be woken.
package enum Wait {
  /// What ended a sleep: the descriptors that are readable.
  package struct Outcome: Sendable {
    package let first: Bool
    package let second: Bool
  }

  /// Sleeps until `deadline` (CLOCK_MONOTONIC, ns; nil for ever), or until a descriptor is readable.
  ///
  /// May end early without a reason: look at the clock again.
  package static func until(_ deadline: UInt64?, _ first: Int32, or second: Int32 = -1) -> Outcome {
    let readable = vsnd_wait(first, second, deadline ?? .max)
    return Outcome(first: readable & 1 != 0, second: readable & 2 != 0)
  }

  /// Asks for real-time scheduling of the calling thread.
  ///
  /// - Parameter priority: 1...99; sound servers use 88 and less.
  /// - Returns: whether it was granted.
  package static func beRealTime(priority: Int32) -> Bool { vsnd_thread_realtime(priority) == 0 }
}
