// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
package import PluginABI
package import Synchronization

/// The daemon's side of one stream: lends the guest's buffers to an audio context and completes them.
///
/// Lives at a fixed address for as long as its stream exists. Calls of the audio context
/// (``acquire(_:_:_:)``, ``commit(_:delay:age:)``, ``xrun(_:)``, ``fail(_:)``, ``skip(_:)``) neither lock,
/// allocate nor wait. The control thread keeps the audio context out with ``hold()`` before it changes
/// anything in ``lane``.
@safe
package struct Feed: ~Copyable {
  /// When the backend last asked for a loan, also in vain: shows that its audio context lives.
  ///
  /// Nanoseconds of CLOCK_MONOTONIC_COARSE, 0 for never.
  package let asked = Atomic<UInt64>(0)
  /// Frames completed by the backend or by the clock since the stream was prepared.
  package let committed = Atomic<UInt64>(0)
  /// Frames that a device reported as lost.
  package let lost = Atomic<UInt64>(0)
  /// Loans taken twice or returned larger than they were.
  package let violations = Atomic<UInt64>(0)
  /// A device ran dry or over since the control thread last looked (VS-147).
  package let xrunSeen = Atomic<Bool>(false)
  let inXrun = Atomic<Bool>(false)
  /// The code of ``fail(_:)``, 0 for none; whoever handles it stores 0.
  package let failure = Atomic<Int32>(0)
  /// An eventfd that ``fail(_:)`` signals, -1 for none.
  package let failureSignal = Atomic<Int32>(-1)

  /// Whether the stream takes buffers: it is at least prepared (VS-112).
  let accepting = Atomic<Bool>(false)
  let gate = FeedGate()
  let lane: UnsafeMutablePointer<Lane>
  private let heads: UnsafeMutablePointer<LaneHeads>
  let queue: UnsafeMutablePointer<TransferQueue>

  /// - Parameter queue: that of the stream's direction; lives longer.
  package init(queue: UnsafeMutablePointer<TransferQueue>) {
    unsafe self.queue = queue
    unsafe lane = .allocate(capacity: 1)
    unsafe lane.initialize(to: Lane(isCapture: queue.pointee.isCapture))
    unsafe heads = .allocate(capacity: 1)
    unsafe heads.initialize(to: LaneHeads(lane.pointee))
  }

  deinit {
    unsafe lane.deinitialize(count: 1)
    unsafe lane.deallocate()
    unsafe heads.deallocate()
  }

  // MARK: Audio context of the backend

  /// Lends up to `frames` frames as at most `capacity` spans; returns how many spans.
  @_noAllocation @_noLocks
  package func acquire(
    _ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32
  ) -> UInt32 {
    asked.store(vsnd_monotonic_coarse_ns(), ordering: .relaxed)
    guard gate.enter(.backend) else {
      if gate.isLent() { violations.add(1, ordering: .relaxed) }
      return 0
    }
    unsafe queue.pointee.service()
    if unsafe lane.pointee.finishEmpty(queue.pointee.view.pointee) { unsafe queue.pointee.service() }
    let count = unsafe lane.pointee.lend(frames, spans, capacity, queue.pointee.view.pointee)
    if count == 0 { gate.leave() } else { gate.lend() }
    return count
  }

  /// Ends the loan, of which the first `frames` were used.
  ///
  /// - Parameters:
  ///   - delay: playback: frames from the end of this commit to the ear; capture: from the mouth to its
  ///     start. `Int64.min` when unknown.
  ///   - age: nanoseconds since `delay` was true; below 0 when it is yet to be.
  @_noAllocation @_noLocks
  package func commit(_ frames: UInt32, delay: Int64, age: Int64 = 0) {
    guard gate.reenter(.backend) else { return }
    let lent = unsafe lane.pointee.loan.frames
    if frames > lent { violations.add(1, ordering: .relaxed) }
    let used = frames < lent ? frames : lent
    if used > 0, used == lent, unsafe lane.pointee.loan.isFull() { inXrun.store(false, ordering: .relaxed) }
    unsafe lane.pointee.commit(used, delay: delay, age: age, queue.pointee.view.pointee)
    committed.add(UInt64(used), ordering: .relaxed)
    unsafe queue.pointee.service()
    gate.leave()
  }

  /// `frames` frames were not played or not recorded; the guest hears of it once an episode (VS-147).
  ///
  /// Of a backend that was just told to pause, or is too late for its stream, it is no loss.
  @_noAllocation @_noLocks
  package func xrun(_ frames: UInt32) {
    guard gate.isOpen(to: .backend) else { return }
    lost.add(UInt64(frames), ordering: .relaxed)
    if inXrun.exchange(true, ordering: .relaxed) { return }
    xrunSeen.store(true, ordering: .releasing)
    unsafe queue.pointee.alarm()
  }

  /// The stream cannot go on, for the reason `code` (VSND_E_*).
  @_noAllocation @_noLocks
  package func fail(_ code: Int32) {
    failure.store(code == 0 ? VSND_E_IO : code, ordering: .releasing)
    let signal = failureSignal.load(ordering: .relaxed)
    if signal >= 0 { _ = vsnd_eventfd_signal(signal) }
  }

  // MARK: The daemon's clock

  /// Consumes up to `frames` frames of playback unheard, or fills as many of capture with silence.
  ///
  /// - Returns: how many frames the guest had ready.
  @_noAllocation @_noLocks
  package func skip(_ frames: UInt32) -> UInt32 {
    guard gate.enter(.clock) else { return 0 }
    unsafe queue.pointee.service()
    let done = unsafe lane.pointee.skip(frames, queue.pointee.view.pointee)
    committed.add(UInt64(done), ordering: .relaxed)
    unsafe queue.pointee.service()
    gate.leave()
    return done
  }

  // MARK: The queue's token holder

  @_noAllocation @_noLocks
  func put(_ head: UInt16) { unsafe heads.pointee.pending.pointee.put(head) }

  @_noAllocation @_noLocks
  func takeDone() -> UInt16? { unsafe heads.pointee.takeDone() }

  /// Control thread, with the ring to itself: a ring of `size` entries starts.
  func resize(_ size: UInt32) {
    unsafe lane.pointee.resize(size)
    unsafe heads.pointee = unsafe LaneHeads(lane.pointee)
  }

  // MARK: Other threads

  /// Says who may take loans; a loan that lasts longer than 50 ms is taken back, and its commit ignored.
  ///
  /// Any thread but an audio context.
  package func give(to owner: FeedOwner) { gate.give(to: owner) }
}
