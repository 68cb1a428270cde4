// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A piece of a chain, copied from its descriptor once (VS-194).
package struct Segment {
  package var address: UInt64
  package var length: UInt32
  /// The next piece of the same chain, ``SegmentPool/none`` at its end.
  package var next: UInt32
}

/// Memory for the pieces of all chains of a ring, allocated when the ring starts.
///
/// Only the owner of the ring takes and returns segments; others may read those of a chain that was
/// handed to them.
@safe
package struct SegmentPool: ~Copyable {
  package static var none: UInt32 { @_noAllocation @_noLocks get { 0xFFFF_FFFF } }

  private let segments: UnsafeMutablePointer<Segment>
  private let capacity: UInt32
  private var free: UInt32 = SegmentPool.none
  /// Segments from here on were never used: untouched memory costs nothing.
  private var fresh: UInt32 = 0

  package init(capacity: UInt32) {
    self.capacity = capacity
    unsafe segments = .allocate(capacity: Int(capacity))
  }

  deinit { unsafe segments.deallocate() }

  /// Takes one segment, or returns ``none`` when all are in use.
  @_noAllocation @_noLocks
  package mutating func take(address: UInt64, length: UInt32) -> UInt32 {
    var index = free
    if index != SegmentPool.none {
      // SAFETY: the free list holds only indexes below fresh.
      free = unsafe segments[Int(index)].next
    } else {
      guard fresh < capacity else { return SegmentPool.none }
      index = fresh
      fresh &+= 1
    }
    unsafe (segments + Int(index)).initialize(
      to: Segment(address: address, length: length, next: SegmentPool.none))
    return index
  }

  /// Gives back the list that begins at `first`.
  @_noAllocation @_noLocks
  package mutating func release(_ first: UInt32) {
    var index = first
    while index < fresh {
      // SAFETY: index < fresh <= capacity.
      let next = unsafe segments[Int(index)].next
      unsafe segments[Int(index)].next = free
      free = index
      index = next
    }
  }

  /// For those who only read the segments of chains that were handed to them, from any thread.
  package var view: SegmentView {
    @_noAllocation @_noLocks get { unsafe SegmentView(segments, capacity) }
  }

  @_noAllocation @_noLocks
  mutating func link(_ index: UInt32, to next: UInt32) {
    guard index < fresh else { return }
    // SAFETY: index < fresh.
    unsafe segments[Int(index)].next = next
  }
}

/// Reads segments of a pool; valid as long as the pool lives.
@safe
package struct SegmentView {
  private let segments: UnsafePointer<Segment>?
  private let capacity: UInt32

  /// A view of nothing.
  package static var empty: SegmentView { unsafe SegmentView(nil, 0) }

  @_noAllocation @_noLocks
  fileprivate init(_ segments: UnsafeMutablePointer<Segment>?, _ capacity: UInt32) {
    unsafe self.segments = UnsafePointer(segments)
    self.capacity = capacity
  }

  /// The segment `index`, an empty one past the end of a list.
  @_noAllocation @_noLocks
  package func segment(_ index: UInt32) -> Segment {
    guard let segments = unsafe segments, index < capacity else {
      return Segment(address: 0, length: 0, next: SegmentPool.none)
    }
    // SAFETY: index < capacity, and only indexes of initialized segments are handed out.
    return unsafe segments[Int(index)]
  }
}
