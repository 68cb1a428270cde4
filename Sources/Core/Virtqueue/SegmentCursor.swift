// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A position in the pieces of a chain, moving forward only.
package struct SegmentCursor {
  private var segment: UInt32
  private var offset: UInt32 = 0

  /// At the first byte of the list that begins at `first`.
  @_noAllocation @_noLocks
  package init(_ first: UInt32) { segment = first }

  /// The mapped bytes here, at most `limit`, without moving; 0 bytes at the end or where memory is gone.
  @_noAllocation @_noLocks
  package func run(
    upTo limit: Int, _ segments: SegmentView, _ memory: GuestView
  ) -> GuestRun {
    let piece = segments.segment(segment)
    let rest = Int(piece.length &- min(offset, piece.length))
    return memory.run(at: piece.address &+ UInt64(offset), upTo: min(rest, limit))
  }

  /// Moves by `count` bytes; stops at the end of the list.
  @_noAllocation @_noLocks
  package mutating func advance(_ count: Int, _ segments: SegmentView) {
    var rest = count
    while rest > 0, segment != SegmentPool.none {
      let piece = segments.segment(segment)
      let here = Int(piece.length &- min(offset, piece.length))
      if rest < here {
        offset &+= UInt32(truncatingIfNeeded: rest)
        return
      }
      rest &-= here
      segment = piece.next
      offset = 0
    }
  }

  /// Copies `count` bytes out of guest memory and moves by as many; bytes whose memory is gone read as zero.
  @_noAllocation @_noLocks @unsafe
  package mutating func read(
    _ target: UnsafeMutableRawPointer, _ count: Int, _ segments: SegmentView, _ memory: GuestView
  ) {
    var done = 0
    while done < count {
      let run = run(upTo: count &- done, segments, memory)
      guard run.count > 0, let base = unsafe run.base else {
        unsafe (target + done).initializeMemory(as: UInt8.self, repeating: 0, count: count &- done)
        return advance(count &- done, segments)
      }
      // SAFETY: the caller owns `count` bytes at target; the run is mapped.
      unsafe (target + done).copyMemory(from: base, byteCount: run.count)
      advance(run.count, segments)
      done &+= run.count
    }
  }

  /// Copies `count` bytes into guest memory and moves by as many; bytes whose memory is gone are dropped.
  @_noAllocation @_noLocks @unsafe
  package mutating func write(
    _ source: UnsafeRawPointer, _ count: Int, _ segments: SegmentView, _ memory: GuestView
  ) {
    var done = 0
    while done < count {
      let run = run(upTo: count &- done, segments, memory)
      guard run.count > 0, let base = unsafe run.base else { return advance(count &- done, segments) }
      // SAFETY: the caller owns `count` bytes at source; the run is mapped.
      unsafe base.copyMemory(from: source + done, byteCount: run.count)
      advance(run.count, segments)
      done &+= run.count
    }
  }
}
