// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginKit
import Synchronization

/// Stands between a guest whose buffer is smaller than a cycle of the graph and the graph.
///
/// A thread moves the guest's frames evenly, by the graph's clock, through a queue that holds a cycle or two; the
/// process callback only ever meets the queue. The guest's clock is true that way, for one more copy and a cycle
/// of delay. One thread writes the queue and one reads it.
@safe
struct Spread: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let capacity: Int
  private let frameBytes: Int
  /// Frames since the stream was opened, on either side of the queue.
  private let written = Atomic<Int>(0)
  private let read = Atomic<Int>(0)
  /// CLOCK_MONOTONIC at the start of the graph's cycle, its frames, and those of all before it.
  private let cycleStart = Atomic<UInt64>(0)
  private let cycleFrames = Atomic<Int>(0)
  private let passed = Atomic<Int>(0)
  let isEnding = Atomic<Bool>(false)

  // The pacing thread's own.
  private let feed: Feed
  private let isCapture: Bool
  private let rate: Int
  private let step: Int
  private let burst: Int
  private let lane: UnsafeMutablePointer<Lane>

  /// - Parameters:
  ///   - cycle: frames of the graph's cycle.
  ///   - burst: the most that may be taken from the guest at once.
  @unsafe
  init(
    _ params: Parameters, _ feed: consuming Feed, _ lane: UnsafeMutablePointer<Lane>, cycle: Int, burst: Int
  ) {
    self.feed = feed
    unsafe self.lane = lane
    self.burst = burst
    isCapture = params.direction == .capture
    rate = Int(params.rate)
    frameBytes = params.frameBytes
    step = max(1, min(Int(params.periodFrames), burst / 2))
    capacity = 4 * cycle
    unsafe memory = .allocate(byteCount: capacity * params.frameBytes, alignment: 16)
  }

  deinit { unsafe memory.deallocate() }

  // MARK: The process callback

  /// Starts a cycle of `frames` frames.
  @_noAllocation @_noLocks
  func begin(_ frames: Int) {
    passed.add(cycleFrames.load(ordering: .relaxed), ordering: .relaxed)
    cycleFrames.store(frames, ordering: .relaxed)
    cycleStart.store(monotonicNanoseconds(), ordering: .releasing)
  }

  /// The oldest frames in one piece, at most `frames`; none when the queue is empty.
  @_noAllocation @_noLocks @unsafe
  func front(_ frames: Int) -> (memory: UnsafeMutableRawPointer, frames: Int) {
    let start = read.load(ordering: .relaxed)
    let count = min(frames, written.load(ordering: .acquiring) &- start)
    let offset = start % capacity
    return unsafe (memory + offset &* frameBytes, min(count, capacity &- offset))
  }

  @_noAllocation @_noLocks
  func drop(_ frames: Int) { read.add(frames, ordering: .releasing) }

  /// Room behind the newest frames in one piece, at most `frames`.
  @_noAllocation @_noLocks @unsafe
  func back(_ frames: Int) -> (memory: UnsafeMutableRawPointer, frames: Int) {
    let end = written.load(ordering: .relaxed)
    let room = min(frames, capacity &- (end &- read.load(ordering: .acquiring)))
    let offset = end % capacity
    return unsafe (memory + offset &* frameBytes, min(room, capacity &- offset))
  }

  @_noAllocation @_noLocks
  func append(_ frames: Int) { written.add(frames, ordering: .releasing) }

  // MARK: The pacing thread

  /// Paces until the end of the flow.
  func run() {
    let pause = UInt64(step) * 1_000_000_000 / UInt64(rate)
    var moved = clock()
    while !isEnding.load(ordering: .acquiring) {
      pace(&moved)
      var rest = timespec(tv_sec: Int(pause / 1_000_000_000), tv_nsec: Int(pause % 1_000_000_000))
      _ = unsafe clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nil)
    }
  }

  /// Frames that the graph's clock has counted.
  @_noAllocation @_noLocks
  private func clock() -> Int {
    let start = cycleStart.load(ordering: .acquiring)
    let frames = cycleFrames.load(ordering: .relaxed)
    let time = min(monotonicNanoseconds() &- start, 10_000_000_000)
    return passed.load(ordering: .relaxed) &+ min(frames, Int(time &* UInt64(rate) / 1_000_000_000))
  }

  /// Moves what the clock has earned since it stood at `moved`; what the guest was late with is lost.
  @_noAllocation @_noLocks
  private func pace(_ moved: inout Int) {
    let now = clock()
    let due = min(now &- moved, burst)
    guard due > 0 else { return }
    moved = now
    let waiting = written.load(ordering: .relaxed) &- read.load(ordering: .relaxed)
    let base = Int64(unsafe lane.pointee.latency.load(ordering: .relaxed)) &+ Int64(waiting)
    var done = 0
    while done < due {
      let piece = isCapture ? unsafe front(due &- done) : unsafe back(due &- done)
      guard unsafe piece.frames > 0 else { break }
      let count: Int
      if isCapture {
        count = unsafe feed.record(piece.memory, frames: piece.frames, delay: base)
        // What the guest had no room for is gone.
        unsafe drop(piece.frames)
      } else {
        count = unsafe feed.play(piece.memory, frames: piece.frames, delay: base)
        append(count)
      }
      done &+= unsafe piece.frames
      if unsafe count < piece.frames { break }
    }
  }
}
