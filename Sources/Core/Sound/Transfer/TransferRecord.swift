// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Virtqueue

/// What is known of a chain while it is in flight; one for each head of a ring.
struct TransferRecord {
  /// Whether this head is in flight.
  var busy: Bool
  var chain: Chain
  /// Its place in the avail ring.
  var slot: UInt16
  /// The stream it belongs to.
  var stream: UInt32
  /// Bytes of audio: what follows the header, or precedes the status (VS-110).
  var dataBytes: UInt32
  /// Set by the feed before it hands the chain back.
  var usedLength: UInt32

  @_noAllocation @_noLocks
  init(_ chain: Chain, slot: UInt16, busy: Bool) {
    self.busy = busy
    self.chain = chain
    self.slot = slot
    stream = 0
    dataBytes = 0
    usedLength = 0
  }
}

/// Numbers of the I/O messages (VS-110, VS-112).
enum TransferFormat {
  static var headerBytes: UInt32 { @_noAllocation @_noLocks get { 4 } }
  static var statusBytes: UInt32 { @_noAllocation @_noLocks get { 8 } }
  static var ok: UInt32 { @_noAllocation @_noLocks get { 0x8000 } }
  static var ioError: UInt32 { @_noAllocation @_noLocks get { 0x8003 } }
}

/// Where the chains in flight are; changes only while all feeds of the ring are held.
@safe
struct TransferView {
  let records: UnsafeMutablePointer<TransferRecord>?
  let segments: SegmentView
  let memory: GuestView

  @_noAllocation @_noLocks
  init(records: UnsafeMutablePointer<TransferRecord>?, segments: SegmentView, memory: GuestView) {
    unsafe self.records = records
    self.segments = segments
    self.memory = memory
  }

  /// No ring runs.
  static var empty: TransferView {
    unsafe TransferView(records: nil, segments: .empty, memory: GuestMemory.empty.guestView)
  }

  /// Writes the status of a chain into its last 8 writable bytes; false when there is no room (VS-110).
  @_noAllocation @_noLocks
  func writeStatus(_ status: UInt32, latency: UInt32, of chain: Chain) -> Bool {
    guard chain.writableBytes >= TransferFormat.statusBytes else { return false }
    var cursor = SegmentCursor(chain.writable)
    cursor.advance(Int(chain.writableBytes &- TransferFormat.statusBytes), segments)
    // SAFETY: both words are initialized, and 8 bytes long together.
    var words = (status.littleEndian, latency.littleEndian)
    unsafe withUnsafeBytes(of: &words) { bytes in
      if let base = bytes.baseAddress { unsafe cursor.write(base, bytes.count, segments, memory) }
    }
    return true
  }
}
