// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit
import Synchronization

extension AudioState {
  /// Hands `frames` recorded frames at `source` to the guest; what it has no room for in time is lost.
  ///
  /// A quantum larger than ``burst`` goes through the queue, from which the timer hands it out evenly.
  @_noAllocation @_noLocks @unsafe
  mutating func record(_ source: UnsafeRawPointer, _ frames: Int, _ isOpen: Bool) {
    if !isOpen { queue.clear() }
    // What the last quantum still owes comes first.
    let owed = min(cycleFrames &- ahead, queue.count)
    if isOpen, owed > 0 { drop(owed &- give(owed, delay: delay &+ Int64(frames))) }
    beginCycle(frames, now: monotonicNanoseconds())
    guard isOpen else {
      ahead = frames
      return
    }
    if !isSpread, queue.count == 0 {
      ahead = frames
      let taken = unsafe push(source, frames, delay: delay)
      if taken < frames { feed.xrun(frames &- taken) }
      return
    }
    let kept = unsafe queue.push(source, frames)
    if kept < frames { feed.xrun(frames &- kept) }
    let first = min(isSpread ? period : frames, queue.count)
    let taken = give(first, delay: delay &+ Int64(queue.count &- frames))
    if isSpread {
      ahead = taken
    } else {
      drop(first &- taken)
      ahead = frames
    }
  }

  /// Between two quanta: hands the guest what the host's clock has earned since the last.
  @_noAllocation @_noLocks
  mutating func recordAhead(_ now: UInt64) {
    let passed = elapsed(now)
    let due = min(passed &+ period, cycleFrames) &- ahead
    guard due > 0 else { return }
    ahead &+= give(min(due, burst), delay: delay &+ Int64(passed &+ queue.count &- cycleFrames))
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

  /// The guest has no room for `frames` of the oldest frames, so that they are lost.
  @_noAllocation @_noLocks
  private mutating func drop(_ frames: Int) {
    guard frames > 0 else { return }
    queue.shrank(min(frames, queue.count))
    feed.xrun(frames)
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
