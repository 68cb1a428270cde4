// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Why a chain is malformed; its head is completed once, the ring goes on (VS-190).
package enum ChainFault: UInt8, Error, Sendable, CustomStringConvertible {
  case nextOutOfRange
  case tooManyDescriptors
  case tooManyBytes
  case unmapped
  case readableAfterWritable
  case indirectNotNegotiated
  case indirectNested
  case indirectWithNext
  case indirectLength
  case poolExhausted

  package var description: String {
    switch self {
    case .nextOutOfRange: "next is outside the table"
    case .tooManyDescriptors: "more descriptors than allowed, or a loop"
    case .tooManyBytes: "more bytes than allowed"
    case .unmapped: "an address is not in guest memory"
    case .readableAfterWritable: "a readable descriptor follows a writable one"
    case .indirectNotNegotiated: "an indirect table without the feature"
    case .indirectNested: "an indirect table inside another"
    case .indirectWithNext: "an indirect descriptor has a next one"
    case .indirectLength: "an indirect table of a wrong length"
    case .poolExhausted: "too many descriptors are in flight"
    }
  }
}

/// A validated chain: its pieces are in a ``SegmentPool``, readable ones first.
package struct Chain {
  package var head: UInt16
  package var readable: UInt32 = SegmentPool.none
  package var readableBytes: UInt32 = 0
  package var writable: UInt32 = SegmentPool.none
  package var writableBytes: UInt32 = 0
  /// Descriptors that were read for it, the useless ones too.
  package var descriptors: UInt32 = 0

  @_noAllocation @_noLocks
  package init(head: UInt16) { self.head = head }
}

/// Bounds on what a guest may hang into one chain (VS-165, VS-193).
package enum ChainLimit {
  /// Descriptors of one chain, indirect ones included: 80 ms of a wide format in single pages is below 2,000.
  package static var descriptors: Int { @_noAllocation @_noLocks get { 4096 } }
  /// Bytes of one chain.
  package static var bytes: UInt32 { @_noAllocation @_noLocks get { 67_108_864 } }
}
