// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

public import CLibc
import PluginABI

/// A plain thread that is told to end through a descriptor.
public struct Thread: ~Copyable {
  private let thread: pthread_t
  private let wake: Int32

  /// Runs `body(argument)`.
  ///
  /// - Parameters:
  ///   - name: at most 15 bytes, for ps and gdb.
  ///   - wake: an eventfd that `body` watches; it is written by ``join()``, and stays the caller's.
  @unsafe
  public init(
    _ name: StaticString, wake: Int32, argument: UnsafeMutableRawPointer,
    _ body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
  ) throws(BackendError) {
    var thread = pthread_t()
    let code = unsafe pthread_create(&thread, nil, body, argument)
    guard code == 0 else { throw BackendError(VSND_E_NOMEM, errno: code, "cannot start a thread") }
    unsafe pthread_setname_np(thread, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
    self.thread = thread
    self.wake = wake
  }

  /// Asks the thread to end and waits for it.
  public consuming func join() {
    _ = eventfd_write(wake, 1)
    _ = pthread_join(thread, nil)
    var count: eventfd_t = 0
    _ = unsafe eventfd_read(wake, &count)
  }

  /// Asks the thread to end, and waits for it up to `deadline` of CLOCK_MONOTONIC in nanoseconds.
  ///
  /// - Returns: false when it hangs; it is left to itself, with what it uses and `wake`.
  public consuming func join(until deadline: UInt64) -> Bool {
    _ = eventfd_write(wake, 1)
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    guard unsafe pthread_clockjoin_np(thread, nil, CLOCK_MONOTONIC, &time) == 0 else {
      _ = pthread_detach(thread)
      return false
    }
    var count: eventfd_t = 0
    _ = unsafe eventfd_read(wake, &count)
    return true
  }

  /// Gives the calling thread a real-time priority, if this process may.
  ///
  /// 40 is below what sound servers and drivers use, and what the daemon gives to its own audio threads.
  public static func beRealTime() {
    var parameters = sched_param()
    parameters.sched_priority = 40
    _ = unsafe pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters)
  }
}

/// A mutual exclusion between control threads; never for an audio context.
@safe
public final class Lock {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  public init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    _ = unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` while nobody else holds the lock.
  public func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    _ = unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }
}
