// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc

/// The errno of the system call just before; ask at once, anything in between may change it.
@_noAllocation @_noLocks
public func systemError() -> Int32 { unsafe __errno_location().pointee }

/// Repeats a system call while signals interrupt it; -1 is its failure.
@_noAllocation @_noLocks
@inline(__always)
public func uninterrupted(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result != -1 || systemError() != EINTR { return result }
  }
}

/// CLOCK_MONOTONIC in nanoseconds.
@_noAllocation @_noLocks
public func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(truncatingIfNeeded: now.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: now.tv_nsec)
}
