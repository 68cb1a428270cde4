// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Synchronization

/// What the holder of the ring knows of a stream: the two queues of its lane.
///
/// They are named here once more because the lane itself belongs to the thread that is inside the feed.
@safe
struct LaneHeads {
  let pending: UnsafeMutablePointer<HeadQueue>
  let done: UnsafeMutablePointer<HeadQueue>

  init(_ lane: borrowing Lane) {
    unsafe pending = lane.pending
    unsafe done = lane.done
  }

  /// Takes a head that the feed is done with.
  @_noAllocation @_noLocks
  func takeDone() -> UInt16? {
    guard unsafe done.pointee.count() > 0 else { return nil }
    let head = unsafe done.pointee.peek(0)
    unsafe done.pointee.drop()
    return head
  }
}

/// A queue of chain heads between two threads: one puts, the other takes.
///
/// Its capacity is the ring size, and a head is in flight once, so it cannot overflow.
@safe
struct HeadQueue: ~Copyable {
  private let heads: UnsafeMutablePointer<UInt16>
  private let mask: UInt32
  private let written = Atomic<UInt32>(0)
  private let taken = Atomic<UInt32>(0)

  /// - Parameter capacity: a power of two.
  init(capacity: UInt32) {
    unsafe heads = .allocate(capacity: Int(capacity))
    unsafe heads.initialize(repeating: 0, count: Int(capacity))
    mask = capacity - 1
  }

  deinit { unsafe heads.deallocate() }

  /// The putting side: adds `head` at the end.
  @_noAllocation @_noLocks
  func put(_ head: UInt16) {
    let at = written.load(ordering: .relaxed)
    // SAFETY: masked; the slot was taken before, since no more heads than slots are in flight.
    unsafe heads[Int(at & mask)] = head
    written.store(at &+ 1, ordering: .releasing)
  }

  /// The taking side: how many heads wait.
  @_noAllocation @_noLocks
  func count() -> UInt32 { written.load(ordering: .acquiring) &- taken.load(ordering: .relaxed) }

  /// The taking side: the head that is `offset` places from the front; `offset` is below ``count()``.
  @_noAllocation @_noLocks
  func peek(_ offset: UInt32) -> UInt16 {
    unsafe heads[Int((taken.load(ordering: .relaxed) &+ offset) & mask)]
  }

  /// The taking side: removes the front.
  @_noAllocation @_noLocks
  func drop() { taken.store(taken.load(ordering: .relaxed) &+ 1, ordering: .releasing) }

  /// Removes the last head; both sides must be quiet, and the queue not empty.
  func removeLast() { written.store(written.load(ordering: .acquiring) &- 1, ordering: .releasing) }
}
