// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Something that an ``EventLoop`` does once at a deadline, unless it is cancelled before.
package final class Timer {
  /// CLOCK_MONOTONIC in nanoseconds.
  package let deadline: UInt64
  private var body: (() -> Void)?

  init(deadline: UInt64, _ body: @escaping () -> Void) {
    self.deadline = deadline
    self.body = body
  }

  /// Harmless when it has fired already.
  package func cancel() { body = nil }

  var isCancelled: Bool { body == nil }

  func fire() {
    // It lets go of what it holds before it runs, so that it may schedule itself anew.
    let body = self.body
    self.body = nil
    body?()
  }
}

/// Timers in the order of their deadlines, and of their making where those are equal.
struct TimerQueue {
  /// The next one last.
  private var timers: [Timer] = []

  var nextDeadline: UInt64? {
    mutating get {
      while let last = timers.last, last.isCancelled { timers.removeLast() }
      return timers.last?.deadline
    }
  }

  mutating func insert(_ timer: Timer) {
    var low = 0
    var high = timers.count
    while low < high {
      let middle = (low + high) / 2
      if timers[middle].deadline > timer.deadline { low = middle + 1 } else { high = middle }
    }
    timers.insert(timer, at: low)
  }

  mutating func takeDue(at now: UInt64) -> [Timer] {
    var due: [Timer] = []
    while let last = timers.last, last.deadline <= now { due.append(timers.removeLast()) }
    return due
  }
}
