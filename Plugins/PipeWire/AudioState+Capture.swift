// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit
import Synchronization

extension AudioState {
  /// Hands `frames` recorded frames at `source` to the guest.
  ///
  /// A quantum no larger than ``burst`` is one copy into its pages, and what it has no room for is lost. A larger
  /// one goes through the queue, from which the timer hands it out evenly.
  @_noAllocation @_noLocks @unsafe
  mutating func record(_ source: UnsafeRawPointer, _ frames: Int, _ isOpen: Bool) {
    beginCycle(frames, now: monotonicNanoseconds())
    guard isOpen else { return queue.clear() }
    if !isSpread, queue.count == 0 {
      let taken = unsafe push(source, frames, delay: delay)
      if taken < frames { feed.xrun(frames &- taken) }
      return
    }
    let kept = unsafe queue.push(source, frames)
    if kept < frames { feed.xrun(frames &- kept) }
    handOut(earned: isSpread ? period : frames, passed: 0)
  }

  /// Between two quanta: hands the guest what the host's clock has earned since the last.
  @_noAllocation @_noLocks
  mutating func recordAhead(_ now: UInt64) {
    let passed = elapsed(now)
    handOut(earned: min(cycleFrames, passed &+ period), passed: passed)
  }

  /// Gives the guest all that waits but the part of the last quantum that is not `earned` yet.
  @_noAllocation @_noLocks
  private mutating func handOut(earned: Int, passed: Int) {
    let due = min(queue.count &- (cycleFrames &- earned), burst)
    guard due > 0 else { return }
    // The first frame of the last quantum was as old as `delay` when the cycle began.
    _ = give(due, delay: delay &+ Int64(queue.count &- cycleFrames &+ passed))
  }

  /// Gives the guest up to `frames` of the oldest frames of the queue, and returns how many it took.
  ///
  /// - Parameter delay: from the mouth to the first of them.
  @_noAllocation @_noLocks
  private mutating func give(_ frames: Int, delay: Int64) -> Int {
    var done = 0
    while done < frames, queue.count > 0 {
      let piece = unsafe queue.front()
      let wanted = min(unsafe piece.frames, frames &- done)
      let taken = unsafe push(piece.memory, wanted, delay: delay &- Int64(done))
      queue.shrank(taken)
      done &+= taken
      if taken < wanted { break }
    }
    return done
  }

  /// Copies up to `frames` frames at `source` into the guest's buffers, and returns how many had room.
  ///
  /// - Parameter delay: from the mouth to the first of them.
  @_noAllocation @_noLocks @unsafe
  private func push(_ source: UnsafeRawPointer, _ frames: Int, delay: Int64) -> Int {
    var done = 0
    while done < frames {
      let count = feed.acquire(frames &- done)
      guard count > 0 else { break }
      var used = 0
      for index in 0..<count {
        let part = unsafe feed.span(index)
        let run = min(unsafe part.frames, frames &- done &- used)
        let from = unsafe source + (done &+ used) &* feed.frameBytes
        unsafe part.data.copyMemory(from: from, byteCount: run &* feed.frameBytes)
        used &+= run
      }
      feed.commit(used, delay: delay &- Int64(done))
      done &+= used
    }
    return done
  }
}
