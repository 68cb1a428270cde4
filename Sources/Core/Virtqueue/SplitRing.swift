// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform

/// Why a ring cannot go on: the ring is stopped, everything else lives (VS-191).
package enum RingFault: Error, Sendable, CaseIterable, CustomStringConvertible {
  case unaligned
  case unmapped
  case indexJumped
  case headOutOfRange
  case headInFlight
  case memoryLost
  case overfull

  /// A number for each, from 1, to be kept in an atomic.
  package var code: UInt8 {
    @_noAllocation @_noLocks get {
      switch self {
      case .unaligned: 1
      case .unmapped: 2
      case .indexJumped: 3
      case .headOutOfRange: 4
      case .headInFlight: 5
      case .memoryLost: 6
      case .overfull: 7
      }
    }
  }

  package var description: String {
    switch self {
    case .unaligned: "a ring area is not aligned"
    case .unmapped: "a ring area is not in guest memory"
    case .indexJumped: "the avail index jumped by more than the ring holds"
    case .headOutOfRange: "a head is not below the ring size"
    case .headInFlight: "a head was made available while it was in flight"
    case .memoryLost: "the front-end took back memory of the guest"
    case .overfull: "more descriptors wait than any driver has in flight"
    }
  }
}

/// Where a ring lies, in the front-end's addresses, and what was negotiated for it.
package struct RingLayout: Sendable, Equatable {
  /// Entries: 1...32768, a power of two.
  package var size: UInt32
  package var descriptorTable: UInt64
  package var availRing: UInt64
  package var usedRing: UInt64
  package var eventIndex: Bool
  package var indirect: Bool
  package var notifyOnEmpty: Bool

  package init(
    size: UInt32, descriptorTable: UInt64, availRing: UInt64, usedRing: UInt64,
    eventIndex: Bool, indirect: Bool, notifyOnEmpty: Bool
  ) {
    self.size = size
    self.descriptorTable = descriptorTable
    self.availRing = availRing
    self.usedRing = usedRing
    self.eventIndex = eventIndex
    self.indirect = indirect
    self.notifyOnEmpty = notifyOnEmpty
  }
}

/// The device's side of a split virtqueue (VS-160…168, VS-180…185).
///
/// Not thread-safe: whoever uses it must be alone. The memory snapshot that it was made from must
/// outlive it.
@safe
package struct SplitRing: ~Copyable {
  package let layout: RingLayout
  private(set) var descriptors: UnsafeMutableRawPointer
  private var avail: UnsafeMutableRawPointer
  private var used: UnsafeMutableRawPointer
  let mask: UInt16
  /// The next entry of the avail ring that will be popped.
  package private(set) var nextAvail: UInt16
  /// The used index once ``publish()`` was called; entries before it are written.
  package private(set) var nextUsed: UInt16
  private var published: UInt16
  /// The used index as the guest sees it.
  package var publishedUsed: UInt16 { published }
  /// The used index at the last decision about a notification (VS-181).
  private var decided: UInt16
  private var decidedOnce = false

  /// - Parameter base: the next avail index (VU-071).
  package init(_ layout: RingLayout, base: UInt16, memory: GuestMemory) throws(RingFault) {
    let count = Int(layout.size)
    let descriptors = unsafe try Self.area(layout.descriptorTable, 16 * count, align: 16, memory)
    let avail = unsafe try Self.area(layout.availRing, 6 + 2 * count, align: 2, memory)
    let used = unsafe try Self.area(layout.usedRing, 6 + 8 * count, align: 4, memory)
    unsafe self.descriptors = descriptors
    unsafe self.avail = avail
    unsafe self.used = used
    self.layout = layout
    mask = UInt16(truncatingIfNeeded: layout.size &- 1)
    nextAvail = base
    // SAFETY: the area of the used ring is mapped and aligned.
    nextUsed = unsafe UInt16(littleEndian: vsnd_load_relaxed_u16(used + 2))
    published = nextUsed
    decided = nextUsed
  }

  /// Finds the same ring in another snapshot of memory; on a fault nothing changes (VU-054).
  package mutating func move(to memory: GuestMemory) throws(RingFault) {
    let count = Int(layout.size)
    let descriptors = unsafe try Self.area(layout.descriptorTable, 16 * count, align: 16, memory)
    let avail = unsafe try Self.area(layout.availRing, 6 + 2 * count, align: 2, memory)
    let used = unsafe try Self.area(layout.usedRing, 6 + 8 * count, align: 4, memory)
    unsafe self.descriptors = descriptors
    unsafe self.avail = avail
    unsafe self.used = used
  }

  private static func area(
    _ address: UInt64, _ length: Int, align: UInt64, _ memory: GuestMemory
  ) throws(RingFault) -> UnsafeMutableRawPointer {
    guard address % align == 0 else { throw .unaligned }
    let run = memory.userView.run(at: address, upTo: length)
    guard run.count == length, let base = unsafe run.base else { throw .unmapped }
    return unsafe base
  }

  // MARK: Taking buffers

  /// How many entries wait, or a fault when the guest claims more than the ring holds.
  @_noAllocation @_noLocks
  package func waiting() -> (count: UInt16, fault: RingFault?) {
    // SAFETY: inside the mapped avail ring.
    let index = unsafe UInt16(littleEndian: vsnd_load_acquire_u16(avail + 2))
    let count = index &- nextAvail
    return UInt32(count) > layout.size ? (0, .indexJumped) : (count, nil)
  }

  /// Takes the head of the next chain; call it at most as often as ``waiting()`` said.
  @_noAllocation @_noLocks
  package mutating func pop() -> (head: UInt16, fault: RingFault?) {
    // SAFETY: the masked index is below the size, so the entry is inside the mapped avail ring.
    let head = unsafe UInt16(littleEndian: vsnd_load_relaxed_u16(avail + 4 + 2 * Int(nextAvail & mask)))
    guard UInt32(head) < layout.size else { return (0, .headOutOfRange) }
    nextAvail &+= 1
    return (head, nil)
  }

  /// Gives back the last `count` popped entries, unused: they will be popped again.
  @_noAllocation @_noLocks
  package mutating func rewind(_ count: UInt16) { nextAvail &-= count }

  // MARK: Returning buffers

  /// Notes that the chain `head` is used, `length` bytes of it written (VS-167); visible after ``publish()``.
  @_noAllocation @_noLocks
  package mutating func push(_ head: UInt16, length: UInt32) {
    // SAFETY: the masked index is below the size; the used ring is aligned to 4.
    unsafe (used + 4 + 8 * Int(nextUsed & mask)).storeBytes(of: UInt32(head).littleEndian, as: UInt32.self)
    unsafe (used + 8 + 8 * Int(nextUsed & mask)).storeBytes(of: length.littleEndian, as: UInt32.self)
    nextUsed &+= 1
  }

  /// Shows the guest everything pushed so far; returns whether there was anything.
  @_noAllocation @_noLocks
  package mutating func publish() -> Bool {
    guard published != nextUsed else { return false }
    // SAFETY: inside the mapped used ring, aligned.
    unsafe vsnd_store_release_u16(used + 2, nextUsed.littleEndian)
    published = nextUsed
    return true
  }

  /// Whether the guest wants to hear of what was published since the last call (VS-180…182).
  @_noAllocation @_noLocks
  package mutating func shouldNotify() -> Bool {
    // The guest must see the used index before we see its wish, else both sides wait.
    vsnd_full_fence()
    let old = decided
    decided = published
    let first = !decidedOnce
    decidedOnce = true
    if layout.notifyOnEmpty, waiting().count == 0 { return true }
    if layout.eventIndex {
      // SAFETY: used_event follows the entries of the avail ring.
      let event = unsafe UInt16(littleEndian: vsnd_load_relaxed_u16(avail + 4 + 2 * Int(layout.size)))
      return first || (published &- event &- 1) < (published &- old)
    }
    // SAFETY: the flags are the first field of the avail ring.
    return unsafe UInt16(littleEndian: vsnd_load_relaxed_u16(avail)) & 1 == 0
  }

  // MARK: Kicks

  /// Asks the guest to kick when it adds a buffer; returns whether it added some meanwhile (VS-183).
  @_noAllocation @_noLocks
  package mutating func wantKicks() -> Bool {
    // SAFETY: flags and avail_event are inside the mapped used ring.
    if layout.eventIndex {
      unsafe vsnd_store_relaxed_u16(availEvent(), nextAvail.littleEndian)
    } else {
      unsafe vsnd_store_relaxed_u16(used, 0)
    }
    vsnd_full_fence()
    let (count, fault) = waiting()
    return count > 0 || fault != nil
  }

  /// Asks the guest not to kick: an audio context polls the ring.
  @_noAllocation @_noLocks
  package mutating func refuseKicks() {
    // SAFETY: flags and avail_event are inside the mapped used ring.
    if layout.eventIndex {
      // An index just passed is not crossed again for 65535 buffers.
      unsafe vsnd_store_relaxed_u16(availEvent(), (nextAvail &- 1).littleEndian)
    } else {
      unsafe vsnd_store_relaxed_u16(used, UInt16(1).littleEndian)
    }
  }

  @_noAllocation @_noLocks
  private func availEvent() -> UnsafeMutableRawPointer { unsafe used + 4 + 8 * Int(layout.size) }
}
