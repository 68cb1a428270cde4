// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import Virtqueue

/// The inside of a ``Feed``: the stream's chains in order, and how far they are consumed.
///
/// Touched by one thread at a time: the one that passed the feed's gate, or the control thread while the
/// feed is held. ``pending`` is filled, and ``done`` emptied, by whoever holds the token of the queue,
/// by way of ``LaneHeads``.
@safe
struct Lane: ~Copyable {
  let isCapture: Bool
  /// Heads that wait, the front one perhaps partly consumed.
  private(set) var pending: UnsafeMutablePointer<HeadQueue>
  /// Heads on their way back to the used ring.
  private(set) var done: UnsafeMutablePointer<HeadQueue>
  var front = LanePosition()
  /// Bytes of the front chain that were consumed before it was given back at a stop of the ring.
  var resumeBytes: UInt32 = 0

  private(set) var frameBytes: UInt32 = 0
  /// Frames in a second.
  private(set) var rate: UInt32 = 0
  /// A few frames of silence in the stream's format.
  private var silence: UnsafeMutableRawPointer?
  private static var silenceFrames: UInt32 { @_noAllocation @_noLocks get { 64 } }

  var loan = Loan()
  var carry = Carry()
  var attic = Attic()

  init(isCapture: Bool) {
    self.isCapture = isCapture
    unsafe pending = Self.makeQueue(1)
    unsafe done = Self.makeQueue(1)
  }

  deinit {
    unsafe Self.drop(pending)
    unsafe Self.drop(done)
    unsafe silence?.deallocate()
  }

  private static func makeQueue(_ capacity: UInt32) -> UnsafeMutablePointer<HeadQueue> {
    let queue = UnsafeMutablePointer<HeadQueue>.allocate(capacity: 1)
    unsafe queue.initialize(to: HeadQueue(capacity: capacity))
    return unsafe queue
  }

  private static func drop(_ queue: UnsafeMutablePointer<HeadQueue>) {
    unsafe queue.deinitialize(count: 1)
    unsafe queue.deallocate()
  }

  /// Control thread: a ring of `size` entries starts; nothing is in flight.
  mutating func resize(_ size: UInt32) {
    unsafe Self.drop(pending)
    unsafe Self.drop(done)
    unsafe pending = Self.makeQueue(size)
    unsafe done = Self.makeQueue(size)
    front = LanePosition()
  }

  /// Control thread: the stream is prepared anew.
  ///
  /// - Parameters:
  ///   - silentSample: the bytes of one silent sample, as long as a sample.
  ///   - bounceFrames: on capture, lend memory of the daemon's, this many frames at once; 0: lend guest memory.
  ///   - loanInUse: a hung audio context may still use what was lent.
  mutating func prepare(
    frameBytes: UInt32, rate: UInt32, silentSample: [UInt8], bounceFrames: UInt32, loanInUse: Bool
  ) {
    self.frameBytes = frameBytes
    self.rate = rate
    unsafe silence?.deallocate()
    let count = Int(frameBytes * Self.silenceFrames)
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
    for index in 0..<count {
      unsafe bytes.storeBytes(
        of: silentSample[index % silentSample.count], toByteOffset: index, as: UInt8.self)
    }
    unsafe silence = bytes
    let bounceBytes = isCapture ? Int(bounceFrames) * Int(frameBytes) : 0
    loan.prepare(bounceBytes: bounceBytes, &attic, inUse: loanInUse)
  }

  /// Control thread: forgets what a stop of the ring left behind.
  mutating func reset(loanInUse: Bool) {
    resumeBytes = 0
    carry.clear(&attic, inUse: loanInUse)
  }

  // MARK: Moving along the chains

  /// Makes `at` point at the chain `index` places from the front; false when there is none.
  @_noAllocation @_noLocks
  func load(_ at: inout LanePosition, _ index: UInt32, _ view: TransferView) -> Bool {
    guard unsafe index < pending.pointee.count(), let records = unsafe view.records else { return false }
    let head = unsafe pending.pointee.peek(index)
    // SAFETY: only heads below the ring size were put.
    let record = unsafe records[Int(head)]
    at.index = index
    at.head = head
    at.loaded = true
    // VS-119: a trailing partial frame is dropped, so that no later sample is misaligned.
    at.tail = frameBytes == 0 ? record.dataBytes : record.dataBytes % frameBytes
    at.remaining = record.dataBytes &- at.tail
    at.consumed = 0
    at.cursor = SegmentCursor(isCapture ? record.chain.writable : record.chain.readable)
    if !isCapture { at.cursor.advance(Int(TransferFormat.headerBytes), view.segments) }
    return true
  }

  /// Loads the front chain if none is; false when nothing waits.
  @_noAllocation @_noLocks
  mutating func loadFront(_ view: TransferView) -> Bool {
    if front.loaded { return true }
    var first = LanePosition()
    guard load(&first, 0, view) else { return false }
    front = first
    if resumeBytes > 0 {
      let skip = resumeBytes < front.remaining ? resumeBytes : front.remaining
      front.advance(skip, view)
      resumeBytes = 0
    }
    return true
  }

  /// Hands the front chain back: all of it is consumed, or it is flushed.
  @_noAllocation @_noLocks
  mutating func finishFront(latency: UInt32, _ view: TransferView) {
    guard front.loaded else { return }
    front.loaded = false
    guard let records = unsafe view.records else { return }
    // SAFETY: only heads below the ring size were put.
    let record = unsafe records + Int(front.head)
    let answered = unsafe view.writeStatus(TransferFormat.ok, latency: latency, of: record.pointee.chain)
    let recorded = isCapture ? front.consumed : 0
    // Never a byte in the length that was not written (VS-115).
    if isCapture, front.tail > 0 { fillSilence(front.tail, view) }
    unsafe record.pointee.usedLength = answered ? TransferFormat.statusBytes &+ recorded : 0
    unsafe pending.pointee.drop()
    unsafe done.pointee.put(front.head)
  }

  /// Hands back chains at the front that hold no whole frame (VS-119); returns whether there were any.
  @_noAllocation @_noLocks
  mutating func finishEmpty(_ view: TransferView) -> Bool {
    var any = false
    while loadFront(view), front.remaining == 0 {
      finishFront(latency: 0, view)
      any = true
    }
    return any
  }

  /// Consumes up to `frames` frames without anyone hearing or speaking them.
  @_noAllocation @_noLocks
  mutating func skip(_ frames: UInt32, _ view: TransferView) -> UInt32 {
    guard frameBytes > 0 else { return 0 }
    var rest = frames
    let saved = carry.remaining() / frameBytes
    rest &-= carry.consume((rest < saved ? rest : saved) &* frameBytes) / frameBytes
    while rest > 0, loadFront(view) {
      let wanted = UInt64(rest) &* UInt64(frameBytes)
      let count = wanted < UInt64(front.remaining) ? UInt32(wanted) : front.remaining
      if isCapture { fillSilence(count, view) } else { front.advance(count, view) }
      rest &-= count / frameBytes
      if front.remaining == 0 { finishFront(latency: 0, view) }
    }
    return frames &- rest
  }

  /// Writes `count` bytes of silence into the front chain, where a frame begins.
  @_noAllocation @_noLocks
  mutating func fillSilence(_ count: UInt32, _ view: TransferView) {
    guard let silence = unsafe silence else { return front.advance(count, view) }
    var rest = count
    while rest > 0 {
      let all = frameBytes &* Lane.silenceFrames
      let part = rest < all ? rest : all
      // SAFETY: silence is `all` bytes long.
      unsafe front.write(silence, part, view)
      rest &-= part
    }
  }
}
