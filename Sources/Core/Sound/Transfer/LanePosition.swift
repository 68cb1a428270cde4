// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Virtqueue

/// A place in the audio of a lane: a chain, and how far it is consumed.
struct LanePosition {
  /// Whether the rest means anything.
  var loaded: Bool
  /// How many chains from the front.
  var index: UInt32
  var head: UInt16
  /// Bytes of whole frames still to come.
  var remaining: UInt32
  /// Bytes behind those, which are no whole frame.
  var tail: UInt32
  /// Bytes passed.
  var consumed: UInt32
  var cursor: SegmentCursor

  @_noAllocation @_noLocks
  init() {
    loaded = false
    index = 0
    head = 0
    remaining = 0
    tail = 0
    consumed = 0
    cursor = SegmentCursor(SegmentPool.none)
  }

  /// Moves by `count` bytes, at most ``remaining``.
  @_noAllocation @_noLocks
  mutating func advance(_ count: UInt32, _ view: TransferView) {
    cursor.advance(Int(count), view.segments)
    remaining &-= count
    consumed &+= count
  }

  /// Copies `count` bytes into guest memory and moves.
  @_noAllocation @_noLocks @unsafe
  mutating func write(_ source: UnsafeRawPointer, _ count: UInt32, _ view: TransferView) {
    unsafe cursor.write(source, Int(count), view.segments, view.memory)
    remaining &-= count
    consumed &+= count
  }

  /// Copies `count` bytes out of guest memory and moves.
  @_noAllocation @_noLocks @unsafe
  mutating func read(_ target: UnsafeMutableRawPointer, _ count: UInt32, _ view: TransferView) {
    unsafe cursor.read(target, Int(count), view.segments, view.memory)
    remaining &-= count
    consumed &+= count
  }
}
