// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Synchronization
import Virtqueue

/// The ring of a ``TransferQueue`` and its chains in flight; touched by one thread at a time.
@safe
package struct TransferRing: ~Copyable {
  private var split: UnsafeMutablePointer<SplitRing>?
  private var pool: UnsafeMutablePointer<SegmentPool>?
  private(set) var records: UnsafeMutablePointer<TransferRecord>?
  /// Which head was popped at each place of the avail ring.
  private var slots: UnsafeMutablePointer<UInt16>?
  private(set) var size: UInt32 = 0
  private var memory: GuestView = GuestMemory.empty.guestView

  /// Pieces of chains that may be in flight in a ring: each entry may be a chain of 1024 pages (VS-124).
  ///
  /// No card of 64 streams gets near the million that is the limit; what is not used costs no memory.
  private static func segments(_ size: UInt32) -> UInt32 { max(65_536, min(size, 1024) * 1024) }

  init() {}

  deinit { free() }

  private func free() {
    if let split = unsafe split {
      unsafe split.deinitialize(count: 1)
      unsafe split.deallocate()
    }
    if let pool = unsafe pool {
      unsafe pool.deinitialize(count: 1)
      unsafe pool.deallocate()
    }
    unsafe records?.deallocate()
    unsafe slots?.deallocate()
  }

  // MARK: Control thread

  /// Sets the ring up; the feeds of its queue are held.
  mutating func start(_ new: consuming SplitRing, memory: GuestView) -> TransferView {
    stop()
    size = new.layout.size
    self.memory = memory
    let split = UnsafeMutablePointer<SplitRing>.allocate(capacity: 1)
    unsafe split.initialize(to: new)
    unsafe self.split = split
    let pool = UnsafeMutablePointer<SegmentPool>.allocate(capacity: 1)
    unsafe pool.initialize(to: SegmentPool(capacity: Self.segments(size)))
    unsafe self.pool = pool
    let records = UnsafeMutablePointer<TransferRecord>.allocate(capacity: Int(size))
    unsafe records.initialize(
      repeating: TransferRecord(Chain(head: 0), slot: 0, busy: false), count: Int(size))
    unsafe self.records = records
    let slots = UnsafeMutablePointer<UInt16>.allocate(capacity: Int(size))
    unsafe slots.initialize(repeating: 0, count: Int(size))
    unsafe self.slots = slots
    return unsafe TransferView(records: records, segments: pool.pointee.view, memory: memory)
  }

  /// Forgets the ring; the feeds of its queue are held and empty.
  mutating func stop() {
    // Of a ring whose memory is gone, what was not published is taken again.
    if let split = unsafe split {
      lastBase = unsafe paused ? split.pointee.publishedUsed : split.pointee.nextAvail
    }
    paused = false
    free()
    unsafe split = nil
    unsafe pool = nil
    unsafe records = nil
    unsafe slots = nil
  }

  /// Finds the running ring in another snapshot of memory; while it is not there, the ring is paused.
  mutating func move(to memory: GuestMemory) -> TransferView {
    self.memory = memory.guestView
    guard let split = unsafe split, let pool = unsafe pool else {
      return .empty
    }
    do throws(RingFault) {
      try unsafe split.pointee.move(to: memory)
      paused = false
    } catch {
      paused = true
    }
    return unsafe TransferView(records: records, segments: pool.pointee.view, memory: memory.guestView)
  }

  /// The next avail index when the ring was last stopped.
  private(set) var lastBase: UInt16 = 0
  /// The ring's memory is not mapped.
  private var paused = false

  /// Gives back unfinished chains at the end of the avail ring, newest first; they will be popped again (VU-087).
  ///
  /// - Parameter rewound: called for each of them.
  mutating func rewind(_ rewound: (TransferRecord) -> Void) {
    guard let split = unsafe split, let slots = unsafe slots, let records = unsafe records,
      let pool = unsafe pool
    else { return }
    var steps: UInt32 = 0
    while steps < size {
      let at = unsafe split.pointee.nextAvail &- 1
      // SAFETY: masked by the power-of-two size; heads in slots are below size.
      let head = unsafe Int(slots[Int(UInt32(at) & (size - 1))])
      guard unsafe records[head].busy, unsafe records[head].slot == at else { return }
      rewound(unsafe records[head])
      unsafe records[head].busy = false
      unsafe pool.pointee.release(records[head].chain.readable)
      unsafe pool.pointee.release(records[head].chain.writable)
      unsafe split.pointee.rewind(1)
      steps += 1
    }
  }

  // MARK: Token holder

  @_noAllocation @_noLocks
  func isRunning() -> Bool {
    guard unsafe split != nil else { return false }
    return !paused
  }

  /// Descriptors that are read in one go; a ring of 64 messages of a hundred pages each has fewer.
  static var budget: UInt32 { @_noAllocation @_noLocks get { 16_384 } }

  /// Takes what the guest made available: at most one ring full, and no more chains once they have cost the budget,
  /// so that no guest keeps a thread busy (VS-193).
  ///
  /// - Returns: whether that was too little, and more may wait.
  @_noAllocation @_noLocks
  mutating func drain(_ queue: borrowing TransferQueue) -> Bool {
    guard let split = unsafe split, !paused, queue.enabled.load(ordering: .acquiring),
      queue.fault.load(ordering: .relaxed) == 0
    else { return false }
    var rest = size
    var budget = TransferRing.budget
    while true {
      let (count, fault) = unsafe split.pointee.waiting()
      if let fault {
        queue.stop(for: fault)
        return false
      }
      if count == 0 {
        guard queue.wantsKicks.load(ordering: .relaxed) else {
          unsafe split.pointee.refuseKicks()
          return false
        }
        if unsafe !split.pointee.wantKicks() { return false }
      }
      guard rest > 0, budget > 0 else { return true }
      if count == 0 { rest &-= 1 }
      var taken: UInt16 = 0
      while taken < count, rest > 0, budget > 0 {
        let (cost, fault) = take(queue)
        if let fault {
          queue.stop(for: fault)
          return false
        }
        taken &+= 1
        rest &-= 1
        budget = cost < budget ? budget &- cost : 0
      }
    }
  }

  /// Control thread: takes everything, for a ring that is about to be emptied.
  ///
  /// What would take long stops the ring: no driver has so much in flight.
  mutating func drainAll(_ queue: borrowing TransferQueue) {
    for _ in 0..<64 where !drain(queue) { return }
    queue.stop(for: .overfull)
  }

  /// Pops one chain, checks it, and hands it to its stream or answers it.
  ///
  /// - Returns: how many descriptors that took to read.
  @_noAllocation @_noLocks
  private mutating func take(_ queue: borrowing TransferQueue) -> (cost: UInt32, fault: RingFault?) {
    guard let split = unsafe split, let pool = unsafe pool, let records = unsafe records,
      let slots = unsafe slots
    else { return (0, nil) }
    let at = unsafe split.pointee.nextAvail
    let (head, fault) = unsafe split.pointee.pop()
    if let fault { return (0, fault) }
    // SAFETY: pop() returns heads below the size.
    if unsafe records[Int(head)].busy {
      unsafe split.pointee.rewind(1)
      return (0, .headInFlight)
    }
    unsafe slots[Int(UInt32(at) & (size &- 1))] = head

    let (chain, malformed) = unsafe split.pointee.walk(head, memory, &pool.pointee)
    var record = TransferRecord(chain, slot: at, busy: true)
    let segments = unsafe pool.pointee.view
    if case .none = malformed, let id = streamID(of: chain, segments),
      chain.writableBytes >= TransferFormat.statusBytes,
      let feed = unsafe queue.feed(id), unsafe feed.pointee.accepting.load(ordering: .relaxed)
    {
      record.dataBytes =
        queue.isCapture
        ? chain.writableBytes &- TransferFormat.statusBytes
        : chain.readableBytes &- TransferFormat.headerBytes
      record.stream = id
      unsafe records[Int(head)] = record
      unsafe feed.pointee.put(head)
      return (chain.descriptors, nil)
    }
    // VS-112, VS-190: answered at once, with a status where one fits.
    let view = unsafe TransferView(records: records, segments: segments, memory: memory)
    let answered = view.writeStatus(TransferFormat.ioError, latency: 0, of: chain)
    record.usedLength = answered ? TransferFormat.statusBytes : 0
    unsafe records[Int(head)] = record
    complete(head)
    queue.refused.add(1, ordering: .relaxed)
    return (chain.descriptors, nil)
  }

  /// The stream a message is for; nil when its header is cut (VS-110).
  @_noAllocation @_noLocks
  private func streamID(of chain: Chain, _ segments: SegmentView) -> UInt32? {
    guard chain.readableBytes >= TransferFormat.headerBytes else { return nil }
    var cursor = SegmentCursor(chain.readable)
    var id: UInt32 = 0
    // SAFETY: four bytes are read into four bytes.
    unsafe cursor.read(&id, 4, segments, memory)
    return UInt32(littleEndian: id)
  }

  /// Puts a chain into the used ring, with the length noted in its record.
  @_noAllocation @_noLocks
  mutating func complete(_ head: UInt16) {
    guard let split = unsafe split, let pool = unsafe pool, let records = unsafe records, UInt32(head) < size
    else { return }
    // SAFETY: head < size.
    unsafe pool.pointee.release(records[Int(head)].chain.readable)
    unsafe pool.pointee.release(records[Int(head)].chain.writable)
    unsafe split.pointee.push(head, length: records[Int(head)].usedLength)
    unsafe records[Int(head)].busy = false
  }

  /// Shows the guest what was completed; returns whether it wants to be notified.
  @_noAllocation @_noLocks
  mutating func publish() -> Bool {
    guard let split = unsafe split, unsafe split.pointee.publish() else { return false }
    return unsafe split.pointee.shouldNotify()
  }
}
