// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Daemon
package import Platform
import Synchronization

/// A control loop that goes on only when a test says so; its time stands still meanwhile.
package final class ManualLoop: ControlLoop, @unchecked Sendable {
  private final class Watch: Watching {
    let descriptor: Descriptor
    let onKick: () -> Void
    let onBroken: (String) -> Void
    var isActive = true

    init(
      _ descriptor: Descriptor, _ onKick: @escaping () -> Void, _ onBroken: @escaping (String) -> Void
    ) {
      self.descriptor = descriptor
      self.onKick = onKick
      self.onBroken = onBroken
    }

    func cancel() { isActive = false }
  }

  private let posted = Mutex<[@Sendable () -> Void]>([])
  private var timers: [(deadline: Int, body: () -> Void)] = []
  private var watches: [Watch] = []
  /// In milliseconds.
  package private(set) var now = 0
  /// Signals that were heard of so far.
  package private(set) var kicks = 0

  package init() {}

  // MARK: What the card calls

  package func watch(
    _ descriptor: Descriptor, onKick: @escaping () -> Void, onBroken: @escaping (String) -> Void
  ) -> any Watching {
    let watch = Watch(descriptor, onKick, onBroken)
    watches.append(watch)
    return watch
  }

  package func after(milliseconds: Int, _ body: @escaping () -> Void) {
    timers.append((now + milliseconds, body))
  }

  package func post(_ body: @escaping @Sendable () -> Void) { posted.withLock { $0.append(body) } }

  // MARK: What a test calls

  /// How many descriptors are watched.
  package var watched: Int { watches.filter(\.isActive).count }

  /// Does what was posted and signalled, until nothing is left; a descriptor that is always readable is left alone
  /// after a thousand times.
  package func run() {
    var turns = 0
    while turns < 1000, turn() { turns += 1 }
  }

  private func turn() -> Bool {
    var busy = false
    for body in posted.withLock({ (bodies) -> [@Sendable () -> Void] in
      defer { bodies = [] }
      return bodies
    }) {
      body()
      busy = true
    }
    watches.removeAll { !$0.isActive }
    for watch in watches where watch.isActive {
      switch watch.descriptor.readEvent() {
      case .nothing: continue
      case .signalled:
        kicks += 1
        watch.onKick()
      case .broken(let reason):
        watch.cancel()
        watch.onBroken(reason)
      }
      busy = true
    }
    return busy
  }

  /// Lets time pass, a timer at a time, and does everything that is due.
  package func advance(milliseconds: Int) {
    run()
    let end = now + milliseconds
    while let next = timers.indices.min(by: { timers[$0].deadline < timers[$1].deadline }),
      timers[next].deadline <= end
    {
      let timer = timers.remove(at: next)
      now = max(now, timer.deadline)
      timer.body()
      run()
    }
    now = end
  }
}
