// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc

/// A value that only one thread at a time can reach.
///
/// As the Mutex of Synchronization, but on a pthread mutex: the thread sanitizer does not see the futex of
/// the other one, and would report every use of it as a race.
@safe
package final class Locked<Value>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  package init(_ value: sending Value) {
    self.value = value
    unsafe mutex = .allocate(capacity: 1)
    // SAFETY: the address is the mutex's own for life, as pthread wants it.
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Waits until no other thread is inside, then calls `body`; any thread but an audio context.
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
