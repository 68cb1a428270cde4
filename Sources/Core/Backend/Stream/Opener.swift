// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Platform
internal import Synchronization

/// A thread that makes the calls of a backend which may wait, one after the other.
///
/// It can hang for good in such a call, so nobody waits for it without a limit.
final class Opener: Sendable {
  typealias Job = @Sendable () -> Void

  private let jobs: Mailbox<Job?>
  /// Readable once the thread has ended.
  private let ended: Descriptor
  private let thread: Thread
  private let isJoined = Atomic<Bool>(false)

  init(name: String) throws(SystemCallError) {
    let jobs = try Mailbox<Job?>()
    let ended = try Descriptor.event()
    self.jobs = jobs
    self.ended = ended
    thread = try Thread(name: name) {
      Self.work(through: jobs)
      ended.signal()
    }
  }

  deinit { if !isJoined.load(ordering: .relaxed) { thread.detach() } }

  /// Lets `job` be done after those put before it; any thread but an audio context, never waits.
  func put(_ job: @escaping Job) { jobs.put(job) }

  /// Lets the thread end after the jobs put so far; none may follow.
  func end() { jobs.put(nil) }

  /// Waits until the thread has ended, up to `deadline` of CLOCK_MONOTONIC in ns; once only.
  ///
  /// - Returns: false when it hangs; it is left behind.
  func wait(until deadline: UInt64) -> Bool {
    repeat {
      if Wait.until(deadline, ended.raw).first {
        thread.join()
        isJoined.store(true, ordering: .relaxed)
        return true
      }
    } while MonotonicClock.now < deadline
    return false
  }

  private static func work(through jobs: Mailbox<Job?>) {
    while true {
      _ = Wait.until(nil, jobs.descriptor.raw)
      for job in jobs.takeAll() {
        guard let job else { return }
        job()
      }
    }
  }
}
