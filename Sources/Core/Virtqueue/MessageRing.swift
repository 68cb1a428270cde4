// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A ring whose chains are answered one by one: control and event queue.
///
/// For the control thread alone.
package final class MessageRing {
  /// A chain that was taken and not answered yet.
  package struct Message {
    package let chain: Chain
    /// Its place in the avail ring.
    package let slot: UInt16
    /// The first readable bytes.
    package let bytes: [UInt8]
    package let fault: ChainFault?
  }

  private var split: SplitRing
  private var pool: SegmentPool
  private var memory: GuestMemory
  private var inFlight: [UInt16: Message] = [:]
  /// The ring's memory is not mapped: it is not touched until it is (VU-058).
  package private(set) var isPaused = false
  private static let segments: UInt32 = 16_384
  /// Longer requests do not exist; the rest of a message is of no interest.
  private static let readLimit: UInt32 = 256

  /// Sets up a ring that begins at avail index `base`.
  package init(_ layout: RingLayout, base: UInt16, memory: GuestMemory) throws(RingFault) {
    split = try SplitRing(layout, base: base, memory: memory)
    pool = SegmentPool(capacity: max(Self.segments, layout.size * 2))
    self.memory = memory
  }

  /// Finds the ring in another snapshot of memory; on a fault it is paused until it is found (VU-054, VU-058).
  package func move(to memory: GuestMemory) throws(RingFault) {
    self.memory = memory
    isPaused = true
    try split.move(to: memory)
    isPaused = false
  }

  package var size: UInt32 { split.layout.size }

  /// Takes the next chain; nil when none waits.
  package func next() throws(RingFault) -> Message? {
    if isPaused { return nil }
    let (waiting, fault) = split.waiting()
    if let fault { throw fault }
    guard waiting > 0 else { return nil }
    let slot = split.nextAvail
    let (head, broken) = split.pop()
    if let broken { throw broken }
    guard inFlight[head] == nil else {
      split.rewind(1)
      throw .headInFlight
    }
    let (chain, malformed) = split.walk(head, memory.guestView, &pool)
    let count = Int(min(chain.readableBytes, Self.readLimit))
    var bytes = [UInt8](repeating: 0, count: count)
    var cursor = SegmentCursor(chain.readable)
    unsafe bytes.withUnsafeMutableBytes { target in
      // SAFETY: the target has `count` bytes.
      if let base = target.baseAddress { unsafe cursor.read(base, count, pool.view, memory.guestView) }
    }
    let message = Message(chain: chain, slot: slot, bytes: bytes, fault: malformed)
    inFlight[head] = message
    return message
  }

  /// Writes `bytes` into the writable part of `message` from `offset` on; what does not fit is dropped.
  package func write(_ bytes: [UInt8], at offset: UInt32, to message: Message) {
    let count = min(bytes.count, Int(message.chain.writableBytes) - Int(offset))
    guard count > 0 else { return }
    var cursor = SegmentCursor(message.chain.writable)
    cursor.advance(Int(offset), pool.view)
    unsafe bytes.withUnsafeBytes { source in
      // SAFETY: the source has at least `count` bytes.
      if let base = source.baseAddress { unsafe cursor.write(base, count, pool.view, memory.guestView) }
    }
  }

  /// Writes zeros into the writable part of `message`, from byte `start` up to `end`.
  package func fillZeros(from start: UInt32, to end: UInt32, of message: Message) {
    let zeros = [UInt8](repeating: 0, count: 4096)
    var offset = start
    while offset < min(end, message.chain.writableBytes) {
      let count = min(end - offset, UInt32(zeros.count))
      write(count == zeros.count ? zeros : Array(zeros.prefix(Int(count))), at: offset, to: message)
      offset += count
    }
  }

  /// Returns `message` to the guest, `length` bytes of it written; visible after ``publish()``.
  ///
  /// Not while the ring is paused.
  package func complete(_ message: Message, length: UInt32) {
    guard !isPaused, inFlight.removeValue(forKey: message.chain.head) != nil else { return }
    pool.release(message.chain.readable)
    pool.release(message.chain.writable)
    split.push(message.chain.head, length: length)
  }

  /// Shows the guest what was completed; returns whether it wants to be notified.
  package func publish() -> Bool { !isPaused && split.publish() && split.shouldNotify() }

  /// Asks for a kick at the next buffer; returns whether there is one already (VS-183).
  package func wantKicks() -> Bool { !isPaused && split.wantKicks() }

  /// Asks for no kicks: buffers are looked for when there is something to put into them.
  package func refuseKicks() { if !isPaused { split.refuseKicks() } }

  /// Ends the use of the ring: the newest chains in flight will be popped again (VU-087).
  ///
  /// - Parameter answer: what older ones, which cannot be given back, are answered with.
  /// - Returns: the next avail index, equal to the used index.
  package func finish(answering answer: [UInt8]) -> UInt16 {
    while let newest = inFlight.first(where: { $0.value.slot == split.nextAvail &- 1 }) {
      inFlight[newest.key] = nil
      split.rewind(1)
    }
    if isPaused { return split.nextAvail }
    for message in inFlight.values {
      write(answer, at: 0, to: message)
      complete(message, length: min(UInt32(answer.count), message.chain.writableBytes))
    }
    _ = split.publish()
    return split.nextAvail
  }

  package var usedIndex: UInt16 { split.nextUsed }
}
