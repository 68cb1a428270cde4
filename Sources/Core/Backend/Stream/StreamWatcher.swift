// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Platform
internal import Synchronization

/// The thread that looks after all streams of a backend; it never waits for the backend.
final class StreamWatcher: Sendable {
  /// Signalled when a stream wants to be looked at: also by audio contexts that fail.
  let signal: Descriptor
  private let ending = Atomic<Bool>(false)
  private let streams = Locked<[HostStream]>([])
  private let thread = Locked<Thread?>(nil)

  init() throws(SystemCallError) {
    signal = try .event()
    let started = try Thread(name: "vsnd-watch") { [self] in work() }
    thread.withLock { $0 = started }
  }

  /// Looks after `stream` from now on.
  func add(_ stream: HostStream) { streams.withLock { $0.append(stream) } }

  func forEach(_ body: (HostStream) -> Void) {
    for stream in streams.withLock({ $0 }) { body(stream) }
  }

  /// Ends the thread and waits for that, which never takes long.
  func end() {
    ending.store(true, ordering: .releasing)
    signal.signal()
    thread.withLock { $0.take() }?.join()
    streams.withLock { $0 = [] }
  }

  private func work() {
    while !ending.load(ordering: .acquiring) {
      var next: UInt64?
      forEach { stream in
        if let time = stream.look() { next = min(next ?? .max, time) }
      }
      // Read before the next look, so that what is signalled during it is not lost.
      if Wait.until(next, signal.raw).first { _ = signal.readEvent() }
    }
  }
}
