// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
import PluginABI
package import Sound
import Synchronization
package import Virtqueue

/// A tx or an rx queue with its ring in a ``MemoryGuest``, and streams that a test plays or records on.
///
/// The stream after the last one exists, but has the other direction.
package final class TransferBench: @unchecked Sendable {
  package let guest: MemoryGuest
  package let ring: GuestRing
  package let queue: UnsafeMutablePointer<TransferQueue>
  package let feeds: [UnsafeMutablePointer<Feed>]
  /// What the guest is notified with.
  package let call: Descriptor
  /// What the control thread is woken with.
  package let attention: Descriptor
  package private(set) var frameBytes: [Int]

  /// - Parameters:
  ///   - start: both indexes of the ring at the beginning.
  ///   - frameBytes: of all streams, which are prepared and open to an audio context; nil: they are not.
  package init(
    isCapture: Bool, streams: Int = 1, size: Int = 64, start: UInt16 = 0, frameBytes: Int? = 4,
    guest: MemoryGuest? = nil
  ) throws {
    self.guest = try guest ?? MemoryGuest()
    ring = GuestRing(self.guest, size: size, start: start)
    call = try .event()
    attention = try .event()
    queue = .allocate(capacity: 1)
    queue.initialize(to: TransferQueue(isCapture: isCapture, streamCount: streams + 1))
    queue.pointee.callSignal.store(call.raw, ordering: .relaxed)
    queue.pointee.attention.store(attention.raw, ordering: .relaxed)
    var feeds: [UnsafeMutablePointer<Feed>] = []
    for id in 0..<streams {
      let feed = UnsafeMutablePointer<Feed>.allocate(capacity: 1)
      feed.initialize(to: Feed(queue: queue))
      queue.pointee.attach(feed, stream: id)
      feeds.append(feed)
    }
    self.feeds = feeds
    self.frameBytes = feeds.map { _ in frameBytes ?? 0 }
    try queue.pointee.start(ring.layout(), base: start, memory: self.guest.memory)
    queue.pointee.enabled.store(true, ordering: .releasing)
    if let frameBytes { for id in 0..<streams { prepare(id, frameBytes: frameBytes) } }
  }

  deinit {
    for feed in feeds {
      feed.deinitialize(count: 1)
      feed.deallocate()
    }
    queue.deinitialize(count: 1)
    queue.deallocate()
  }

  package func prepare(
    _ stream: Int, frameBytes: Int, silentSample: [UInt8] = [0], bounceFrames: Int = 0, running: Bool = true
  ) {
    // Other threads read it; they know the width that stays.
    if self.frameBytes[stream] != frameBytes { self.frameBytes[stream] = frameBytes }
    let feed = feeds[stream]
    feed.pointee.hold()
    feed.pointee.prepare(
      frameBytes: UInt32(frameBytes), rate: 48_000, silentSample: silentSample,
      bounceFrames: UInt32(bounceFrames))
    feed.pointee.give(to: .backend)
    if running { feed.pointee.unhold() }
  }

  /// Stops the ring as the session does, with everybody held; returns the base.
  package func suspend() -> UInt16 {
    for feed in feeds { feed.pointee.hold() }
    return queue.pointee.suspend()
  }

  /// Starts the ring again and lets everybody in.
  package func resume(base: UInt16, memory: GuestMemory? = nil) throws {
    try queue.pointee.start(ring.layout(), base: base, memory: memory ?? guest.memory)
    for feed in feeds { feed.pointee.unhold() }
    queue.pointee.service()
  }

  /// RELEASE of one stream.
  package func release(_ stream: Int) {
    feeds[stream].pointee.hold()
    feeds[stream].pointee.flush(closing: true)
  }

  // The macros of Testing copy what a property belongs to, which queue and feed do not allow.
  package var isRunning: Bool { queue.pointee.isRunning }
  package func hasStaleLoan(_ stream: Int = 0) -> Bool { feeds[stream].pointee.hasStaleLoan }

  // MARK: Audio contexts

  /// Takes a loan, as pointers and bytes.
  package func borrow(
    _ frames: Int, stream: Int = 0, capacity: Int = 64
  ) -> [UnsafeMutableRawBufferPointer] {
    withUnsafeTemporaryAllocation(of: vsnd_span_t.self, capacity: max(1, capacity)) { spans in
      guard let base = spans.baseAddress else { return [] }
      let count = feeds[stream].pointee.acquire(UInt32(frames), base, UInt32(capacity))
      return (0..<Int(count)).map {
        UnsafeMutableRawBufferPointer(
          start: base[$0].data, count: Int(base[$0].frames) * frameBytes[stream])
      }
    }
  }

  package func commit(_ frames: Int, stream: Int = 0, delay: Int64 = .min, age: Int64 = 0) {
    feeds[stream].pointee.commit(UInt32(frames), delay: delay, age: age)
  }

  /// Plays up to `frames` frames; returns their bytes.
  ///
  /// - Parameter most: of what was lent, use so many only.
  package func hear(
    _ frames: Int, stream: Int = 0, most: Int = .max, capacity: Int = 64, delay: Int64 = .min, age: Int64 = 0
  ) -> [UInt8] {
    let lent = borrow(frames, stream: stream, capacity: capacity)
    guard !lent.isEmpty else { return [] }
    let bytes = lent.flatMap { Array($0) }
    let used = min(most, bytes.count / frameBytes[stream])
    commit(used, stream: stream, delay: delay, age: age)
    return Array(bytes.prefix(used * frameBytes[stream]))
  }

  /// Records the first of `bytes`, whole frames; returns how many were taken.
  package func speak(
    _ bytes: [UInt8], stream: Int = 0, most: Int = .max, capacity: Int = 64, delay: Int64 = .min,
    age: Int64 = 0
  ) -> Int {
    let lent = borrow(bytes.count / frameBytes[stream], stream: stream, capacity: capacity)
    guard !lent.isEmpty else { return 0 }
    let room = lent.reduce(0) { $0 + $1.count }
    let used = min(most, room / frameBytes[stream])
    var done = 0
    for span in lent {
      let part = min(span.count, used * frameBytes[stream] - done)
      span.copyBytes(from: bytes[done..<done + part])
      done += part
    }
    commit(used, stream: stream, delay: delay, age: age)
    return used * frameBytes[stream]
  }
}
