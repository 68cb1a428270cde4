// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginKit

/// Capture: hands on what the device has recorded, a chunk at a time.
extension Audio {
  /// Records until the stream is stopped or the device fails for good.
  @_noAllocation @_noLocks
  mutating func record() {
    guard setGoing(0) else { return }
    var trusts = true
    while isWanted {
      let due = isFree ? dueFreely() : look()
      guard due >= 0 else {
        guard setGoing(Int32(truncatingIfNeeded: due)) else { return }
        continue
      }
      if due >= shape.chunk {
        let done = fetch(min(due, shape.burst))
        guard done >= 0 else {
          guard setGoing(Int32(truncatingIfNeeded: done)) else { return }
          continue
        }
        earned &+= done
        if due &- done >= shape.chunk { rest(time(shape.chunk) / 4) }
        trusts = true
      } else if !isFree {
        let isReady = rest(time(shape.chunk &- due) &+ (trusts ? time(shape.chunk) / 2 : 0), device: trusts)
        trusts = !isReady || look() >= shape.chunk
      }
    }
    _ = unsafe snd_pcm_drop(pcm)
  }

  /// How many frames are there, or libasound's code.
  @_noAllocation @_noLocks
  private mutating func look() -> Int {
    let count = unsafe snd_pcm_avail(pcm)
    guard count >= 0 else { return count }
    fill = count
    let now = monotonicNanoseconds()
    let place = moved &+ count
    if place != position || positionTime == 0 {
      position = place
      positionTime = now
    } else if now &- positionTime > stallLimit {
      return -Int(ETIMEDOUT)
    }
    return count
  }

  /// Hands on up to `wanted` frames; 0: the device had none after all.
  @_noAllocation @_noLocks
  private mutating func fetch(_ wanted: Int) -> Int {
    var total = 0
    while total < wanted {
      let (late, _) = delay(monotonicNanoseconds())
      let done: Int
      if let source = unsafe direct(wanted &- total) {
        unsafe deliver(source.base, source.frames, late)
        done = unsafe snd_pcm_mmap_commit(pcm, source.offset, snd_pcm_uframes_t(source.frames))
      } else {
        done = unsafe take(staging, min(wanted &- total, shape.buffer))
        if done > 0 { unsafe deliver(staging, done, late) }
      }
      if done == 0 || done == -Int(EAGAIN) { break }
      if done < 0 { return done }
      attempts = 0
      moved &+= done
      total &+= done
    }
    return total
  }

  @_noAllocation @_noLocks @unsafe
  private func deliver(_ data: UnsafeRawPointer, _ frames: Int, _ late: Int) {
    guard gate.enter() else { return }
    unsafe feed.record(data, frames: frames, delay: Int64(late))
    gate.leave()
  }
}
