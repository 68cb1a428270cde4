// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc

/// The errno of the system call just before; ask at once, anything in between may change it.
@_noAllocation @_noLocks
public func systemError() -> Int32 { unsafe __errno_location().pointee }

/// Whether a signal interrupted the system call just before, so that it must be repeated.
@_noAllocation @_noLocks
public func interrupted(_ result: Int) -> Bool { result == -1 && systemError() == EINTR }

/// CLOCK_MONOTONIC in nanoseconds.
@_noAllocation @_noLocks
public func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(truncatingIfNeeded: now.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: now.tv_nsec)
}
