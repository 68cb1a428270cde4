// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform

/// One descriptor, copied from guest memory (VS-161).
private struct RawDescriptor {
  let address: UInt64
  let length: UInt32
  let flags: UInt16
  let next: UInt16

  static var size: Int { @_noAllocation @_noLocks get { 16 } }
  var hasNext: Bool { @_noAllocation @_noLocks get { flags & 1 != 0 } }
  var isWritable: Bool { @_noAllocation @_noLocks get { flags & 2 != 0 } }
  var isIndirect: Bool { @_noAllocation @_noLocks get { flags & 4 != 0 } }

  /// - Parameter words: the descriptor's 16 bytes, as they lie in memory.
  @_noAllocation @_noLocks
  private init(_ words: (UInt64, UInt64)) {
    address = UInt64(littleEndian: words.0)
    let rest = UInt64(littleEndian: words.1)
    length = UInt32(truncatingIfNeeded: rest)
    flags = UInt16(truncatingIfNeeded: rest >> 32)
    next = UInt16(truncatingIfNeeded: rest >> 48)
  }

  /// - Parameter bytes: 16 readable bytes, which the guest may change meanwhile; each is read once (VS-194).
  @_noAllocation @_noLocks
  init(_ bytes: UnsafeRawPointer) {
    unsafe self.init((vsnd_read_once_u64(bytes), vsnd_read_once_u64(bytes + 8)))
  }

  /// Reads an entry of an indirect table, which may lie anywhere; nil where it is not mapped.
  @_noAllocation @_noLocks
  init?(at address: UInt64, _ memory: GuestView) {
    let run = memory.run(at: address, upTo: Self.size)
    if run.count == Self.size, let base = unsafe run.base {
      // SAFETY: the run has the 16 bytes of the entry.
      unsafe self.init(base)
      return
    }
    // The border of two regions cuts it (VS-168).
    guard memory.covers(address, UInt32(Self.size)) else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    unsafe withUnsafeMutableBytes(of: &words) { words in
      var done = 0
      while done < Self.size {
        let run = memory.run(at: address &+ UInt64(done), upTo: Self.size &- done)
        guard run.count > 0, let base = unsafe run.base, let target = words.baseAddress else { return }
        // SAFETY: the run has at most what is left of the 16 bytes.
        unsafe (target + done).copyMemory(from: base, byteCount: run.count)
        done &+= run.count
      }
    }
    self.init(words)
  }
}

/// The work of one walk along a chain.
private struct Walk {
  var chain: Chain
  var lastReadable = SegmentPool.none
  var lastWritable = SegmentPool.none
}

extension SplitRing {
  /// Copies and checks the whole chain of `head` (VS-164…168, VS-190…195).
  ///
  /// On a fault the chain holds what was valid before it: enough to answer with an error status.
  /// Its segments stay taken from `pool` either way, until they are released.
  @_noAllocation @_noLocks
  package func walk(
    _ head: UInt16, _ memory: GuestView, _ pool: inout SegmentPool
  ) -> (chain: Chain, fault: ChainFault?) {
    var walk = Walk(chain: Chain(head: head))
    var index = head
    let limit = min(layout.size, UInt32(ChainLimit.descriptors))
    while true {
      if walk.chain.descriptors == limit { return (walk.chain, .tooManyDescriptors) }
      walk.chain.descriptors &+= 1
      // SAFETY: index is below the ring size, so the descriptor is inside the mapped table.
      let descriptor = unsafe RawDescriptor(UnsafeRawPointer(descriptors) + RawDescriptor.size * Int(index))
      if descriptor.isIndirect {
        let fault = walkIndirect(descriptor, memory, &pool, &walk)
        return (walk.chain, fault)
      }
      if let fault = append(descriptor, memory, &pool, &walk) { return (walk.chain, fault) }
      guard descriptor.hasNext else { return (walk.chain, nil) }
      guard UInt32(descriptor.next) < layout.size else { return (walk.chain, .nextOutOfRange) }
      index = descriptor.next
    }
  }

  @_noAllocation @_noLocks
  private func walkIndirect(
    _ table: RawDescriptor, _ memory: GuestView, _ pool: inout SegmentPool, _ walk: inout Walk
  ) -> ChainFault? {
    guard layout.indirect else { return .indirectNotNegotiated }
    guard !table.hasNext else { return .indirectWithNext }
    let size = UInt32(RawDescriptor.size)
    guard table.length > 0, table.length % size == 0 else { return .indirectLength }
    let count = table.length / size
    guard count <= UInt32(ChainLimit.descriptors) else { return .indirectLength }
    var index: UInt32 = 0
    var steps: UInt32 = 0
    while true {
      steps &+= 1
      if steps > count { return .tooManyDescriptors }
      walk.chain.descriptors &+= 1
      let (address, wrapped) = table.address.addingReportingOverflow(UInt64(index &* size))
      if wrapped { return .unmapped }
      guard let descriptor = RawDescriptor(at: address, memory) else { return .unmapped }
      if descriptor.isIndirect { return .indirectNested }
      if let fault = append(descriptor, memory, &pool, &walk) { return fault }
      guard descriptor.hasNext else { return nil }
      guard UInt32(descriptor.next) < count else { return .nextOutOfRange }
      index = UInt32(descriptor.next)
    }
  }

  @_noAllocation @_noLocks
  private func append(
    _ descriptor: RawDescriptor, _ memory: GuestView, _ pool: inout SegmentPool, _ walk: inout Walk
  ) -> ChainFault? {
    if !descriptor.isWritable, walk.chain.writable != SegmentPool.none { return .readableAfterWritable }
    // VS-195: an empty piece is skipped.
    guard descriptor.length > 0 else { return nil }
    let total = UInt64(walk.chain.readableBytes) &+ UInt64(walk.chain.writableBytes)
    guard total &+ UInt64(descriptor.length) <= UInt64(ChainLimit.bytes) else { return .tooManyBytes }
    guard memory.covers(descriptor.address, descriptor.length) else { return .unmapped }
    let segment = pool.take(address: descriptor.address, length: descriptor.length)
    guard segment != SegmentPool.none else { return .poolExhausted }
    if descriptor.isWritable {
      pool.link(walk.lastWritable, to: segment)
      if walk.chain.writable == SegmentPool.none { walk.chain.writable = segment }
      walk.lastWritable = segment
      walk.chain.writableBytes &+= descriptor.length
    } else {
      pool.link(walk.lastReadable, to: segment)
      if walk.chain.readable == SegmentPool.none { walk.chain.readable = segment }
      walk.lastReadable = segment
      walk.chain.readableBytes &+= descriptor.length
    }
    return nil
  }
}
