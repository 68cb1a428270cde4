// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit
import Synchronization

/// What the audio context of one stream touches: the process callback on PipeWire's data loop, and the timer on
/// the same loop.
///
/// Lives at a fixed address from open() to close().
@safe
struct AudioState: ~Copyable {
  /// The guest's frames may be lent: from start() to stop().
  let gate = Gate()
  /// Calls of process, so that start() and close() see the graph run.
  let cycles = Atomic<UInt32>(0)
  /// Frames that were taken from the guest and are not played yet.
  let waiting = Atomic<Int>(0)
  /// stop(DISCARD) was called: what waits is not to be heard.
  let discards = Atomic<Bool>(false)
  /// Whoever is inside process or tick; with one data loop it is never contended.
  let inside = Atomic<Bool>(false)

  /// The pw_stream: set before it is connected, and cleared after it is destroyed.
  var stream: OpaquePointer?
  /// The graph's clock, while the stream has a driver.
  var position: UnsafeMutablePointer<spa_io_position>?
  /// The PipeWireStream, for events that are no audio.
  var owner: UnsafeRawPointer?
  let feed: Feed
  let rate: Int
  /// The guest's period in frames.
  let period: Int
  /// The most that is taken from the guest at once: a period less than its buffer, because a guest that sees its
  /// whole buffer complete at once sees no progress.
  let burst: Int
  /// A descriptor that ticks while the graph's quantum is larger than ``burst``.
  let timer: Int32
  var queue: FrameQueue
  /// The timer runs.
  var isSpread = false
  /// CLOCK_MONOTONIC at the last call of process, and how many frames it moved.
  var cycleStart: UInt64 = 0
  var cycleFrames = 0
  /// When PipeWire's cycle began.
  private var cycleTime: Int64 = 0
  /// PipeWire asked for more than its buffer holds.
  var lacks = false
  /// Frames of the cycle that the timer has moved between guest and queue.
  var ahead = 0
  /// From the first frame of the last buffer to the ear, or from the mouth; frames of the stream.
  var delay: Int64 = 0

  init(_ params: Parameters, _ feed: consuming Feed, timer: Int32) {
    self.feed = feed
    self.timer = timer
    rate = Int(params.rate)
    period = max(1, Int(params.periodFrames))
    burst = max(period, Int(params.bufferFrames) - period)
    // PipeWire's longest quantum is 8192 frames; with room for two of them at 44.1 kHz and above.
    let capacity = max(rate * 2 / 5, 2 * Int(params.bufferFrames), 1024)
    queue = FrameQueue(capacity: capacity, frameBytes: params.frameBytes)
  }

  /// Starts a cycle of `frames` frames: clock, timer and delay.
  ///
  /// - Parameter now: CLOCK_MONOTONIC in ns.
  @_noAllocation @_noLocks
  mutating func beginCycle(_ frames: Int, now: UInt64) {
    cycleStart = now
    cycleFrames = frames
    ahead = 0
    let spreads = frames > burst
    if spreads == isSpread { return }
    isSpread = spreads
    vsnd_pw_timer_set(timer, spreads ? UInt64(tickFrames) &* 1_000_000_000 / UInt64(rate) : 0)
  }

  /// Frames between two ticks: the guest's period, but no shorter than 2.5 ms if its buffer allows that.
  private var tickFrames: Int {
    @_noAllocation @_noLocks get { max(period, min(rate / 400, burst / 2)) }
  }

  /// Frames that have passed since the cycle began, at most those of the cycle.
  @_noAllocation @_noLocks
  func elapsed(_ now: UInt64) -> Int {
    let time = min(now &- cycleStart, 10_000_000_000)
    return min(cycleFrames, Int(time &* UInt64(rate) / 1_000_000_000))
  }

  /// Asks PipeWire how far the next frame of the stream is from the ear, or how old the first one of the buffer.
  ///
  /// - Returns: whether the graph's cycle is another one than at the last call.
  @_noAllocation @_noLocks
  mutating func measure(_ stream: OpaquePointer) -> Bool {
    var time = pw_time()
    let result = unsafe pw_stream_get_time_n(stream, &time, MemoryLayout<pw_time>.size)
    guard result == 0, time.rate.denom != 0 else { return true }
    defer { cycleTime = time.now }
    let ticks = time.delay &* Int64(time.rate.num) &* Int64(rate) / Int64(time.rate.denom)
    delay = ticks &+ Int64(truncatingIfNeeded: time.buffered) &+ Int64(truncatingIfNeeded: time.queued)
    return time.now != cycleTime
  }
}
