// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit
import Synchronization

extension AudioState {
  /// pw_stream's process event, on the data loop: one buffer.
  @_noAllocation @_noLocks
  mutating func process(isCapture: Bool) {
    // A client.conf with several data loops could run the timer elsewhere; the cycle goes first.
    while inside.exchange(true, ordering: .acquiring) {}
    defer { inside.store(false, ordering: .releasing) }
    guard let stream = unsafe stream else { return }
    // Before 0.3.81 a stream asks for the next cycle's buffer too. It would be late by a quantum, and a shorter
    // quantum would cut it.
    let isNew = unsafe measure(stream)
    guard isCapture || isNew || lacks, let buffer = unsafe pw_stream_dequeue_buffer(stream) else { return }
    let isOpen = gate.enter()
    unsafe move(buffer, isCapture: isCapture, isOpen: isOpen)
    _ = unsafe pw_stream_queue_buffer(stream, buffer)
    if isOpen { gate.leave() }
    cycles.add(1, ordering: .releasing)
  }

  /// Plays or records one buffer of PipeWire's, whose memory is shared with nobody who could move it.
  @_noAllocation @_noLocks @unsafe
  private mutating func move(
    _ buffer: UnsafeMutablePointer<pw_buffer>, isCapture: Bool, isOpen: Bool
  ) {
    guard let spa = unsafe buffer.pointee.buffer, unsafe spa.pointee.n_datas > 0,
      let block = unsafe spa.pointee.datas, let memory = unsafe block.pointee.data,
      let chunk = unsafe block.pointee.chunk
    else { return }
    let most = Int(unsafe block.pointee.maxsize) / feed.frameBytes
    if isCapture {
      let offset = min(Int(unsafe chunk.pointee.offset), Int(unsafe block.pointee.maxsize))
      let size = min(Int(unsafe chunk.pointee.size), Int(unsafe block.pointee.maxsize) &- offset)
      unsafe record(UnsafeRawPointer(memory + offset), size / feed.frameBytes, isOpen)
      return
    }
    let requested = Int(clamping: unsafe buffer.pointee.requested)
    let frames = min(requested == 0 ? most : requested, min(most, quantum))
    lacks = requested > most
    unsafe play(memory, frames, isOpen)
    unsafe chunk.pointee.offset = 0
    unsafe chunk.pointee.stride = Int32(truncatingIfNeeded: feed.frameBytes)
    unsafe chunk.pointee.size = UInt32(truncatingIfNeeded: frames &* feed.frameBytes)
    unsafe buffer.pointee.size = UInt64(truncatingIfNeeded: frames)
  }

  /// What the graph consumes in this cycle at most, in frames of the stream: what PipeWire requests is about the
  /// cycle before, and more than fits into a quantum that has just become shorter would be lost.
  private var quantum: Int {
    @_noAllocation @_noLocks
    get {
      guard let position = unsafe position else { return .max }
      let clock = unsafe position.pointee.clock
      let frames = Int(clamping: clock.duration)
      guard clock.rate.denom > 0, Int(clock.rate.denom) != rate else { return max(1, frames) }
      // With room for what a resampler keeps.
      return frames &* rate / Int(clock.rate.denom) &+ 64
    }
  }

  /// The timer's tick, on the data loop too.
  @_noAllocation @_noLocks
  mutating func tick(isCapture: Bool) {
    vsnd_pw_timer_clear(timer)
    if inside.exchange(true, ordering: .acquiring) { return }
    defer { inside.store(false, ordering: .releasing) }
    guard isSpread, gate.enter() else { return }
    let now = monotonicNanoseconds()
    if isCapture { recordAhead(now) } else { playAhead(now) }
    gate.leave()
  }
}
