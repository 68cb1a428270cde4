// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit
import Synchronization

extension AudioState {
  /// Fills `target` with `frames` frames: those that wait, then the guest's own, then silence.
  ///
  /// The guest gives as many as the host takes. Where a quantum is no larger than ``burst`` that is one copy out of
  /// its pages; otherwise the timer has taken most of them already, evenly over the quantum.
  @_noAllocation @_noLocks @unsafe
  mutating func play(_ target: UnsafeMutableRawPointer, _ frames: Int, _ isOpen: Bool) {
    if discards.exchange(false, ordering: .relaxed) { queue.clear() }
    let due = max(0, frames &- ahead)
    beginCycle(frames, now: monotonicNanoseconds())
    var done = unsafe queue.pop(target, frames)
    if isOpen {
      // At most a burst, and what is missing of that the guest is late with.
      let asked = min(due, burst)
      let room = min(asked, frames &- done)
      var taken = unsafe pull(to: target + done &* feed.frameBytes, room, delay: delay &+ Int64(done))
      done &+= taken
      // Frames of a longer quantum still wait: the guest's go behind them.
      if done == frames { taken &+= fetch(asked &- taken, delay: delay &+ Int64(frames)) }
      if taken < asked { feed.xrun(asked &- taken) }
    }
    unsafe feed.silence(target + done &* feed.frameBytes, frames: frames &- done)
    waiting.store(queue.count, ordering: .releasing)
  }

  /// Between two quanta: takes from the guest what the host's clock has earned since the last.
  @_noAllocation @_noLocks
  mutating func playAhead(_ now: UInt64) {
    let passed = elapsed(now)
    let due = passed &- ahead
    guard due > 0 else { return }
    ahead &+= fetch(min(due, burst), delay: delay &+ Int64(cycleFrames &- passed))
    waiting.store(queue.count, ordering: .releasing)
  }

  /// Takes up to `frames` frames from the guest into the queue, and returns how many.
  ///
  /// - Parameter delay: from the front of the queue to the ear.
  @_noAllocation @_noLocks @discardableResult
  private mutating func fetch(_ frames: Int, delay: Int64) -> Int {
    var done = 0
    while done < frames, queue.room > 0 {
      let piece = unsafe queue.tail()
      let wanted = min(unsafe piece.frames, frames &- done)
      let taken = unsafe pull(to: piece.memory, wanted, delay: delay &+ Int64(queue.count))
      queue.grew(taken)
      done &+= taken
      if taken < wanted { break }
    }
    return done
  }

  /// Copies up to `frames` frames of the guest to `target`, and returns how many.
  ///
  /// - Parameter delay: from the first of them to the ear.
  @_noAllocation @_noLocks @unsafe
  private func pull(to target: UnsafeMutableRawPointer, _ frames: Int, delay: Int64) -> Int {
    var done = 0
    while done < frames {
      let count = feed.acquire(frames &- done)
      guard count > 0 else { break }
      var used = 0
      for index in 0..<count {
        let part = unsafe feed.span(index)
        let run = min(unsafe part.frames, frames &- done &- used)
        let at = unsafe target + (done &+ used) &* feed.frameBytes
        unsafe at.copyMemory(from: part.data, byteCount: run &* feed.frameBytes)
        used &+= run
      }
      done &+= used
      feed.commit(used, delay: delay &+ Int64(done))
    }
    return done
  }
}
