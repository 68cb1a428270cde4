// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPulse
import PluginKit

/// What the audio context of one stream touches: the callbacks of its pa_stream and a timer, all on the thread of the
/// main loop.
///
/// The server asks for data, or has some, when it pleases. The guest's buffers complete evenly all the same: by the
/// clock, frames are earned up to ``burst``, and no more than these are moved; while the server wants more, or has
/// more, the timer goes on each period. At a fixed address from open() to close(); always under the loop's lock.
@safe
struct AudioState: ~Copyable {
  let feed: Feed
  let isCapture: Bool
  let rate: Int
  let period: Int
  let burst: Int
  let api: UnsafeMutablePointer<pa_mainloop_api>
  var timer: OpaquePointer?
  /// The pa_stream, while there is one that is ready.
  var stream: OpaquePointer?
  /// From start() to stop().
  var isRunning = false
  /// Frames that the server keeps.
  var target = 0
  /// Frames of silence that fill the server's buffer before the guest's first.
  var lead = 0
  /// Frames that may be moved now, and when they were counted.
  var earned = 0
  var counted: UInt64 = 0
  /// Frames of the server's oldest piece that the guest has already.
  var used = 0

  /// - Parameter api: of the main loop that lives longer.
  @unsafe
  init(_ plan: StreamPlan, _ feed: consuming Feed, _ api: UnsafeMutablePointer<pa_mainloop_api>) {
    self.feed = feed
    unsafe self.api = api
    isCapture = plan.isCapture
    rate = Int(plan.spec.rate)
    period = plan.request
    burst = plan.burst
    target = plan.target
  }

  /// Moves what is due; on requests of the server, on the timer, and at the start.
  @_noAllocation @_noLocks
  mutating func pump() {
    guard isRunning, let stream = unsafe stream else { return }
    earn()
    let isDone = unsafe isCapture ? record(stream) : play(stream)
    if !isDone, let timer = unsafe timer {
      let time = max(1000, UInt64(min(period, burst)) &* 1_000_000 / UInt64(rate))
      unsafe vsnd_pulse_timer_again(api, timer, time)
    }
  }

  /// The server ran dry, or over, while the guest played: how much was lost it does not tell.
  @_noAllocation @_noLocks
  func starved() {
    if isRunning { feed.xrun(period) }
  }

  /// Forgets what the clock has earned: a start.
  mutating func restart() {
    counted = monotonicNanoseconds()
    earned = burst
  }

  @_noAllocation @_noLocks
  private mutating func earn() {
    let now = monotonicNanoseconds()
    // A little more than the clock says: the server's own clock, which may be faster, is what limits the flow.
    let frames = Int(min(now &- counted, 1_000_000_000) &* UInt64(rate) / 990_000_000)
    guard frames > 0 else { return }
    counted = now
    earned = min(burst, earned &+ frames)
  }

  /// Frames between the end of what was written, or the start of what is to be read, and ear or mouth.
  @_noAllocation @_noLocks @unsafe
  private func delay(_ stream: OpaquePointer) -> Int64? {
    var time: pa_usec_t = 0
    var isNegative: Int32 = 0
    guard unsafe pa_stream_get_latency(stream, &time, &isNegative) == 0 else { return nil }
    let frames = Int64(min(time, 60_000_000) &* UInt64(rate) / 1_000_000)
    // A sink's monitor is ahead of the ear.
    return isNegative != 0 ? 0 &- frames : frames
  }

  // MARK: Playback

  /// Returns whether the server has all that it asked for.
  @_noAllocation @_noLocks @unsafe
  private mutating func play(_ stream: OpaquePointer) -> Bool {
    var room = unsafe writable(stream)
    while lead > 0, room > 0 {
      let count = unsafe pad(stream, min(lead, room))
      guard count > 0 else { return false }
      lead &-= count
      room &-= count
    }
    let start = unsafe delay(stream)
    var done = 0
    while done < min(room, earned) {
      let count = unsafe write(stream, min(room, earned) &- done, start.map { $0 &+ Int64(done) })
      guard count > 0 else { break }
      done &+= count
    }
    let isLate = done < min(room, earned)
    earned &-= done
    room &-= done
    // A late guest leaves a gap rather than a server that runs dry, and empty from then on.
    if isLate, room > target / 2 {
      let lost = unsafe pad(stream, min(room, earned))
      earned &-= lost
      room &-= lost
      if lost > 0 { feed.xrun(lost) }
    }
    return room == 0
  }

  @_noAllocation @_noLocks @unsafe
  private func writable(_ stream: OpaquePointer) -> Int {
    let bytes = unsafe pa_stream_writable_size(stream)
    return bytes == .max ? 0 : Int(bytes) / feed.frameBytes
  }

  /// Copies up to `frames` frames out of the guest's pages into the server's memory.
  @_noAllocation @_noLocks @unsafe
  private func write(_ stream: OpaquePointer, _ frames: Int, _ delay: Int64?) -> Int {
    var memory: UnsafeMutableRawPointer?
    var bytes = frames &* feed.frameBytes
    guard unsafe pa_stream_begin_write(stream, &memory, &bytes) == 0, let memory = unsafe memory else {
      return 0
    }
    let most = min(frames, bytes / feed.frameBytes)
    let count = unsafe feed.take(memory, frames: most, delay: delay.map { $0 &+ Int64(most) })
    guard count > 0 else {
      _ = unsafe pa_stream_cancel_write(stream)
      return 0
    }
    _ = unsafe pa_stream_write(stream, memory, count &* feed.frameBytes, nil, 0, PA_SEEK_RELATIVE)
    return count
  }

  /// Writes up to `frames` frames of silence.
  @_noAllocation @_noLocks @unsafe
  private func pad(_ stream: OpaquePointer, _ frames: Int) -> Int {
    var memory: UnsafeMutableRawPointer?
    var bytes = frames &* feed.frameBytes
    guard frames > 0, unsafe pa_stream_begin_write(stream, &memory, &bytes) == 0, let memory = unsafe memory
    else { return 0 }
    let count = min(frames, bytes / feed.frameBytes)
    unsafe feed.silence(memory, frames: count)
    _ = unsafe pa_stream_write(stream, memory, count &* feed.frameBytes, nil, 0, PA_SEEK_RELATIVE)
    return count
  }

  // MARK: Capture

  /// Returns whether the guest has all that the server had.
  @_noAllocation @_noLocks @unsafe
  private mutating func record(_ stream: OpaquePointer) -> Bool {
    while earned > 0 {
      var memory: UnsafeRawPointer?
      var bytes = 0
      guard unsafe pa_stream_peek(stream, &memory, &bytes) == 0, bytes > 0 else { return true }
      let frames = bytes / feed.frameBytes
      let count = min(earned, frames &- used)
      var age = unsafe delay(stream)
      if let known = age { age = known &- Int64(used) }
      // What the guest has no room for is lost, or it would be late for ever.
      if let memory = unsafe memory {
        unsafe feed.record(memory + used &* feed.frameBytes, frames: count, delay: age)
      } else {
        // A hole: the server lost what was here.
        feed.recordSilence(count)
        feed.xrun(count)
      }
      earned &-= count
      used &+= count
      if used >= frames {
        used = 0
        _ = unsafe pa_stream_drop(stream)
      }
    }
    return unsafe Int(pa_stream_readable_size(stream)) / feed.frameBytes &- used <= 0
  }
}
