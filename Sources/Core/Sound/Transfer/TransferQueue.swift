// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc
package import Synchronization
package import Virtqueue

/// The tx or the rx queue: shares one ring among the streams of a direction (VS-002).
///
/// Whoever wants something of the ring asks for its token by counting itself in. The first one gets
/// it and works for all; the others leave at once, and the holder looks again before it lets go. Nobody
/// ever waits, but the control thread in ``exclusive(_:)``.
///
/// Lives at a fixed address. Everything is done by reference to it from several threads: what may be
/// changed is atomic, or lies behind ``ring`` and belongs to the holder of the token.
@safe
package struct TransferQueue: ~Copyable {
  package let isCapture: Bool
  /// Feeds by stream id; nil for streams of the other direction.
  let feeds: UnsafeMutablePointer<UnsafeMutablePointer<Feed>?>
  let feedCount: UInt32
  private let token = Atomic<UInt32>(0)
  /// The token holder's.
  let ring: UnsafeMutablePointer<TransferRing>
  /// Of feeds in a call, and of the token holder.
  let view: UnsafeMutablePointer<TransferView>

  /// Whether the guest should kick: no stream runs, so nobody looks at the ring by itself.
  package let wantsKicks = Atomic<Bool>(true)
  /// Whether buffers may be taken (VU-080, VU-085).
  package let enabled = Atomic<Bool>(false)
  /// The guest's eventfd, -1 for none.
  package let callSignal = Atomic<Int32>(-1)
  /// The reason why the ring was stopped, as the code of a ``RingFault``; 0 for none.
  package let fault = Atomic<UInt8>(0)
  /// An eventfd that tells the control thread to look; -1 for none.
  package let attention = Atomic<Int32>(-1)
  /// Chains that were refused since the start, malformed or addressed to nobody.
  package let refused = Atomic<UInt64>(0)
  /// Notifications sent to the guest.
  package let notifications = Atomic<UInt64>(0)

  private static var closed: UInt32 { @_noAllocation @_noLocks get { 0x8000_0000 } }

  /// - Parameter streamCount: streams of both directions.
  package init(isCapture: Bool, streamCount: Int) {
    self.isCapture = isCapture
    unsafe feeds = .allocate(capacity: max(1, streamCount))
    unsafe feeds.initialize(repeating: nil, count: max(1, streamCount))
    feedCount = UInt32(streamCount)
    unsafe ring = .allocate(capacity: 1)
    unsafe ring.initialize(to: TransferRing())
    unsafe view = .allocate(capacity: 1)
    unsafe view.initialize(to: .empty)
  }

  deinit {
    unsafe feeds.deallocate()
    unsafe ring.deinitialize(count: 1)
    unsafe ring.deallocate()
    unsafe view.deallocate()
  }

  /// Makes `feed` the one of stream `id`; before any ring runs.
  package func attach(_ feed: UnsafeMutablePointer<Feed>, stream id: Int) {
    guard id >= 0, id < Int(feedCount) else { return }
    unsafe feeds[id] = feed
  }

  /// The feed of stream `id`, if it has this direction.
  @_noAllocation @_noLocks
  func feed(_ id: UInt32) -> UnsafeMutablePointer<Feed>? {
    // SAFETY: id < feedCount.
    id < feedCount ? unsafe feeds[Int(id)] : nil
  }

  /// Returns what feeds have finished, takes what the guest has added; from any thread, never waits.
  @_noAllocation @_noLocks
  package func service() {
    var now = token.load(ordering: .relaxed)
    while true {
      if now & TransferQueue.closed != 0 { return }
      let (added, current) = token.compareExchange(
        expected: now, desired: now &+ 1, ordering: .acquiringAndReleasing)
      if added { break }
      now = current
    }
    if now != 0 { return }
    var seen: UInt32 = 1
    while true {
      work()
      let (done, current) = token.compareExchange(
        expected: seen, desired: 0, ordering: .acquiringAndReleasing)
      if done { return }
      if current & TransferQueue.closed != 0 {
        // The control thread waits for this; what is left to do is done when it reopens.
        _ = token.bitwiseAnd(TransferQueue.closed, ordering: .releasing)
        return
      }
      seen = current
    }
  }

  /// Runs `body` with the ring to itself; control thread only.
  ///
  /// Feeds that finish something meanwhile leave it.
  package func exclusive<Result>(_ body: (UnsafeMutablePointer<TransferRing>) -> Result) -> Result {
    _ = token.bitwiseOr(TransferQueue.closed, ordering: .acquiringAndReleasing)
    while token.load(ordering: .acquiring) != TransferQueue.closed { usleep(20) }
    let result = unsafe body(ring)
    _ = token.bitwiseAnd(~TransferQueue.closed, ordering: .acquiringAndReleasing)
    // For those who were turned away.
    service()
    return result
  }

  @_noAllocation @_noLocks
  private func work() {
    if unsafe !ring.pointee.isRunning() { return }
    collect()
    // The rest by way of the control thread, or at the next call.
    if unsafe ring.pointee.drain(self) { alarm() }
    finish()
  }

  /// Moves chains that feeds are done with into the used ring, if that is there.
  @_noAllocation @_noLocks
  func collect() {
    if unsafe !ring.pointee.isRunning() { return }
    var id: UInt32 = 0
    while id < feedCount {
      // SAFETY: id < feedCount.
      if let feed = unsafe feeds[Int(id)] {
        while let head = unsafe feed.pointee.takeDone() { unsafe ring.pointee.complete(head) }
      }
      id &+= 1
    }
  }

  /// Shows the guest what was completed and notifies it, at most once.
  @_noAllocation @_noLocks
  func finish() {
    guard unsafe ring.pointee.isRunning(), unsafe ring.pointee.publish() else { return }
    let signal = callSignal.load(ordering: .relaxed)
    guard signal >= 0 else { return }
    notifications.add(1, ordering: .relaxed)
    if vsnd_eventfd_signal(signal) != 0 { callSignal.store(-1, ordering: .relaxed) }
  }

  /// Stops the ring for good, until it is started again (VS-191).
  @_noAllocation @_noLocks
  package func stop(for reason: RingFault) {
    fault.store(reason.code, ordering: .releasing)
    alarm()
  }

  /// Wakes the control thread: only for what is exceptional, since it costs a system call.
  @_noAllocation @_noLocks
  func alarm() {
    let signal = attention.load(ordering: .relaxed)
    if signal >= 0 { _ = vsnd_eventfd_signal(signal) }
  }
}
