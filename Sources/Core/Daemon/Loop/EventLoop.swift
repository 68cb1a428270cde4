// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// The control thread's wait for everything that happens: descriptors, deadlines, other threads.
///
/// Belongs to one thread, on which all handlers run; only ``remote`` may leave it. Level-triggered: what a
/// handler leaves unread calls it again, after every other descriptor that is ready had its turn.
package final class EventLoop {
  /// One descriptor that is watched, until ``cancel()``.
  package final class Watch {
    let token: UInt64
    let descriptor: Descriptor
    /// Nil once cancelled: what it holds may hold this watch.
    fileprivate private(set) var handler: ((Readiness) -> Void)?
    private(set) var interest: Readiness
    private weak var loop: EventLoop?
    fileprivate var isActive = true

    fileprivate init(
      _ loop: EventLoop, _ token: UInt64, _ descriptor: Descriptor, _ interest: Readiness,
      _ handler: @escaping (Readiness) -> Void
    ) {
      self.loop = loop
      self.token = token
      self.descriptor = descriptor
      self.interest = interest
      self.handler = handler
    }

    /// Ends the watch; no handler call comes after it, also when called from a handler.
    package func cancel() {
      guard let loop else { return }
      loop.pause(self)
      loop.watches[token] = nil
      self.loop = nil
      handler = nil
    }

    /// Changes what is watched for.
    package func change(to interest: Readiness) throws(SystemCallError) {
      guard let loop, interest != self.interest else { return }
      self.interest = interest
      if isActive { try loop.epoll.modify(descriptor, for: interest, token: token) }
    }

    /// Hears nothing, not even a hang-up, until ``resume()``.
    package func pause() { loop?.pause(self) }

    package func resume() throws(SystemCallError) { try loop?.resume(self) }
  }

  /// Lets other threads run something on the loop's.
  package struct Remote: Sendable {
    fileprivate let mailbox: Mailbox<@Sendable () -> Void>

    /// Any thread, but no audio context; runs once, after what was posted before.
    package func post(_ body: @escaping @Sendable () -> Void) { mailbox.put(body) }
  }

  private let epoll: Epoll
  private let clock: Descriptor
  private var watches: [UInt64: Watch] = [:]
  private var nextToken: UInt64 = 0
  private var timers = TimerQueue()
  private var isRunning = false
  package let remote: Remote

  package init() throws(SystemCallError) {
    epoll = try Epoll()
    clock = try .timer()
    remote = Remote(mailbox: try Mailbox())
    // Waking up is what the clock is watched for; run() looks at the timers in any case.
    _ = try watch(clock) { [clock] _ in _ = clock.readEvent() }
    try receive(remote.mailbox) { $0() }
  }

  /// Calls `handler` whenever `descriptor` is ready, or has hung up, until the watch is cancelled.
  ///
  /// - Throws: EPERM for what cannot be waited for, such as regular files.
  package func watch(
    _ descriptor: Descriptor, for interest: Readiness = .readable,
    _ handler: @escaping (Readiness) -> Void
  ) throws(SystemCallError) -> Watch {
    let watch = Watch(self, nextToken, descriptor, interest, handler)
    try epoll.add(descriptor, for: interest, token: watch.token)
    watches[watch.token] = watch
    nextToken += 1
    return watch
  }

  /// Calls `handler` with each message put into `mailbox`.
  @discardableResult
  package func receive<Message>(
    _ mailbox: Mailbox<Message>, _ handler: @escaping (Message) -> Void
  ) throws(SystemCallError) -> Watch {
    try watch(mailbox.descriptor) { _ in for message in mailbox.takeAll() { handler(message) } }
  }

  /// Calls `body` once, when CLOCK_MONOTONIC has reached `deadline` nanoseconds, never before this returns.
  @discardableResult
  package func schedule(at deadline: UInt64, _ body: @escaping () -> Void) -> Timer {
    let timer = Timer(deadline: deadline, body)
    timers.insert(timer)
    return timer
  }

  /// Serves until ``stop()``.
  package func run() throws(SystemCallError) {
    isRunning = true
    while isRunning {
      try clock.arm(at: timers.nextDeadline)
      for event in try epoll.wait() where isRunning {
        // Another handler may have cancelled it just now.
        if let watch = watches[event.token], watch.isActive { watch.handler?(event.readiness) }
      }
      // Those that are due now, not those that they schedule: descriptors must have their turn.
      for timer in timers.takeDue(at: MonotonicClock.now) where isRunning { timer.fire() }
    }
  }

  /// Lets ``run()`` return after the handler that is running; on the loop's thread only.
  package func stop() { isRunning = false }

  private func pause(_ watch: Watch) {
    guard watch.isActive else { return }
    watch.isActive = false
    // It was added, and is open as long as the watch lives: nothing to fail.
    try? epoll.remove(watch.descriptor)
  }

  private func resume(_ watch: Watch) throws(SystemCallError) {
    guard !watch.isActive, watches[watch.token] != nil else { return }
    try epoll.add(watch.descriptor, for: watch.interest, token: watch.token)
    watch.isActive = true
  }
}
