// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Synchronization

/// A thread for plugin calls that may wait; runs one job after the other, in order.
final class Opener: Sendable {
  private let jobs: Mailbox<@Sendable () -> Void>
  private let unfinished = Atomic<Int>(0)

  init(name: String) throws(SystemCallError) {
    let jobs = try Mailbox<@Sendable () -> Void>()
    self.jobs = jobs
    // Lives as long as the process: a plugin may never let go of it, and then nobody could join it.
    _ = try Thread(name: name) {
      while true {
        _ = Wait.until(nil, jobs.descriptor.raw)
        for job in jobs.takeAll() { job() }
      }
    }
  }

  /// Runs `job` after those before it; any thread but an audio context.
  func run(_ job: @escaping @Sendable () -> Void) {
    unfinished.add(1, ordering: .relaxed)
    jobs.put { [self] in
      job()
      unfinished.subtract(1, ordering: .releasing)
    }
  }

  /// Whether every job has been done.
  var isIdle: Bool { unfinished.load(ordering: .acquiring) == 0 }
}
