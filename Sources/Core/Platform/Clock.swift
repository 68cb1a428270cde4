// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// CLOCK_MONOTONIC.
package enum MonotonicClock {
  /// Now, in nanoseconds; any thread.
  package static var now: UInt64 {
    @_noAllocation @_noLocks get { vsnd_monotonic_ns() }
  }
}

extension Descriptor {
  /// Makes a timer on CLOCK_MONOTONIC that is readable once it has expired; it starts disarmed.
  package static func timer() throws(SystemCallError) -> Descriptor {
    Descriptor(
      owning: try SystemCall.run("timerfd_create") {
        timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
      })
  }

  /// Lets a timer expire at `deadline` nanoseconds, at once if that has passed; nil disarms it.
  package func arm(at deadline: UInt64?) throws(SystemCallError) {
    var time = itimerspec()
    // A time of zero would disarm it.
    let nanoseconds = deadline.map { Swift.max($0, 1) } ?? 0
    time.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
    time.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
    // SAFETY: the struct lives through the call.
    try SystemCall.run("timerfd_settime") {
      unsafe timerfd_settime(raw, Int32(TFD_TIMER_ABSTIME), &time, nil)
    }
  }
}
