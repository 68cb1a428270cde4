// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

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

  /// - Parameter bytes: 16 readable bytes, which the guest may change meanwhile; each is read once.
  @_noAllocation @_noLocks
  init(_ bytes: UnsafeRawPointer) {
    address = unsafe UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    length = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    flags = unsafe UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
    next = unsafe UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 14, as: UInt16.self))
  }
}

/// The work of one walk along a chain.
private struct Walk {
  var chain: Chain
  var lastReadable = SegmentPool.none
  var lastWritable = SegmentPool.none
  var steps = 0
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
    while true {
      walk.steps &+= 1
      if walk.steps > Int(layout.size) { return (walk.chain, .tooManyDescriptors) }
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
      let (address, wrapped) = table.address.addingReportingOverflow(UInt64(index &* size))
      if wrapped { return .unmapped }
      let run = memory.run(at: address, upTo: Int(size))
      // An entry that lies across two regions is possible only for tables that are not aligned.
      guard run.count == Int(size), let bytes = unsafe run.base else { return .unmapped }
      // SAFETY: the run has the 16 bytes of the entry.
      let descriptor = unsafe RawDescriptor(bytes)
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
