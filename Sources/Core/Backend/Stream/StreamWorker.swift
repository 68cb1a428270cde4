// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization

/// The audio context of a stream whose backend has none: a thread that calls process().
@safe
final class StreamWorker: @unchecked Sendable {
  private let stream: PluginStream
  private let feed: UnsafeMutablePointer<Feed>
  private var pacer: Pacer
  private let wake: Descriptor
  private let ends = Atomic<Bool>(false)
  private var thread: Thread?

  /// Below the priorities that sound servers and their drivers use.
  private static let priority: Int32 = 40
  /// The rest after a step that moved nothing: a descriptor that is always readable must not spin.
  private static let idlePause: UInt64 = 1_000_000

  /// Starts the thread.
  init(_ stream: PluginStream, _ parameters: OpenParameters, feed: UnsafeMutablePointer<Feed>)
    throws(SystemCallError)
  {
    self.stream = stream
    unsafe self.feed = feed
    wake = try Descriptor.event()
    pacer = Pacer(
      periodFrames: parameters.periodFrames, bufferFrames: parameters.bufferFrames,
      rate: parameters.rate.hertz, start: MonotonicClock.now)
    thread = try Thread(name: "vsnd-stream-\(parameters.index)") { [self] in
      _ = Wait.beRealTime(priority: Self.priority)
      if let readable = self.stream.wake { followDescriptor(readable) } else { followClock() }
    }
  }

  /// Ends the thread and waits for it; as long as process() takes.
  func end() {
    ends.store(true, ordering: .releasing)
    wake.signal()
    thread?.join()
    thread = nil
  }

  private var goesOn: Bool { !ends.load(ordering: .acquiring) }

  /// Once each period by the daemon's clock.
  private func followClock() {
    while goesOn {
      let now = MonotonicClock.now
      if pacer.take(now) {
        stream.process(due: pacer.periodFrames, now: now)
      } else {
        _ = Wait.until(pacer.deadline, wake.raw)
      }
    }
  }

  /// Whenever the backend's descriptor is readable.
  private func followDescriptor(_ readable: Int32) {
    while goesOn {
      let before = unsafe feed.pointee.committed.load(ordering: .relaxed)
      guard Wait.until(nil, wake.raw, or: readable).contains(.second) else { continue }
      stream.process(due: 0, now: MonotonicClock.now)
      if unsafe feed.pointee.committed.load(ordering: .relaxed) == before {
        _ = Wait.until(MonotonicClock.now + Self.idlePause, wake.raw)
      }
    }
  }
}
