// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginKit
import Synchronization

/// Playback: keeps the device as full as `target`, which begins as silence.
///
/// The guest's buffers thus complete evenly from the first one on, each when the device has made room for it.
extension Audio {
  /// Plays until the stream is stopped or the device fails for good.
  @_noAllocation @_noLocks
  mutating func play() {
    guard setGoing(0) else { return }
    var trusts = true
    while isWanted {
      if isFree {
        guard playFreely() else { return }
        continue
      }
      let room = look()
      guard room >= 0 else {
        guard setGoing(Int32(truncatingIfNeeded: room)) else { return }
        continue
      }
      if room >= shape.chunk || (staged > 0 && room > 0) {
        let done = supply(min(room, shape.burst))
        guard done >= 0 else {
          guard setGoing(Int32(truncatingIfNeeded: done)) else { return }
          continue
        }
        // The guest is late: what the device holds lasts a while, then silence has to.
        if done == 0, fill <= shape.target / 2 { cover(shape.chunk / 2 &+ 1) }
        if done == 0 || room &- done >= shape.chunk { rest(time(shape.chunk) / 4) }
        trusts = true
        continue
      }
      let isReady = rest(time(shape.chunk &- room) &+ (trusts ? time(shape.chunk) / 2 : 0), device: trusts)
      // Descriptors that are ready for nothing would make this spin.
      trusts = !isReady || look() >= shape.chunk
    }
    finish()
  }

  /// Asks the device where it is and returns how many frames are wanted, or libasound's code.
  @_noAllocation @_noLocks
  private mutating func look() -> Int {
    let room = unsafe snd_pcm_avail(pcm)
    guard room >= 0 else { return room }
    fill = min(shape.buffer, max(0, shape.buffer &- room))
    let now = monotonicNanoseconds()
    let place = moved &- fill
    if place != position || positionTime == 0 {
      position = place
      positionTime = now
      if place > 2 &* shape.period { attempts = 0 }
    } else if now &- positionTime > stallLimit {
      return -Int(ETIMEDOUT)
    }
    // Another thread of a plugin may have stopped it.
    if unsafe snd_pcm_state(pcm) == SND_PCM_STATE_XRUN { return -Int(EPIPE) }
    return max(0, shape.target &- fill)
  }

  /// Plays silence for a guest that is late, and reports it.
  @_noAllocation @_noLocks
  private mutating func cover(_ frames: Int) {
    let done = unsafe put(quiet, min(frames, shape.chunk), counts: true)
    guard done > 0, gate.enter() else { return }
    feed.xrun(done)
    gate.leave()
  }

  /// Passes up to `wanted` frames of the guest on; 0: it has none.
  @_noAllocation @_noLocks
  private mutating func supply(_ wanted: Int) -> Int {
    var total = 0
    while total < wanted {
      let done = supplyOnce(wanted &- total)
      guard done > 0 else { return total > 0 || done == -Int(EAGAIN) ? total : done }
      total &+= done
    }
    return total
  }

  @_noAllocation @_noLocks
  private mutating func supplyOnce(_ wanted: Int) -> Int {
    if staged == 0 {
      let (late, when) = delay(monotonicNanoseconds())
      if let target = unsafe direct(wanted) {
        guard gate.enter() else { return 0 }
        let count = unsafe gather(target.base, min(wanted, target.frames))
        let done = unsafe count > 0 ? snd_pcm_mmap_commit(pcm, target.offset, snd_pcm_uframes_t(count)) : 0
        // What the card did not take stays with the guest.
        if count > 0 { feed.commit(max(0, done), delay: Int64(late &+ max(0, done)), when: when) }
        gate.leave()
        if done > 0 { moved &+= done }
        return done
      }
      guard gate.enter() else { return 0 }
      let count = unsafe gather(staging, min(wanted, shape.buffer))
      if count > 0 { feed.commit(count, delay: Int64(late &+ count), when: when) }
      gate.leave()
      staged = count
      stagedAt = 0
      if count == 0 { return 0 }
    }
    let done = unsafe put(staging + stagedAt &* shape.frameBytes, min(staged, wanted), counts: true)
    if done > 0 {
      staged &-= done
      stagedAt &+= done
    }
    return done
  }

  /// Takes a loan of up to `frames` frames and copies it to `target`; commit() has to follow, unless it is 0.
  @_noAllocation @_noLocks @unsafe
  private func gather(_ target: UnsafeMutableRawPointer, _ frames: Int) -> Int {
    var total = 0
    for index in 0..<feed.acquire(frames) {
      let part = unsafe feed.span(index)
      let run = min(unsafe part.frames, frames &- total)
      let at = unsafe target + total &* shape.frameBytes
      unsafe at.copyMemory(from: part.data, byteCount: run &* shape.frameBytes)
      total &+= run
    }
    return total
  }

  @_noAllocation @_noLocks @unsafe
  mutating func put(_ data: UnsafeRawPointer, _ frames: Int, counts: Bool) -> Int {
    let done = unsafe put(data, min(frames, shape.buffer))
    if done > 0 { moved &+= done }
    return done
  }

  /// A step of a device without a clock: ours says how much.
  @_noAllocation @_noLocks
  private mutating func playFreely() -> Bool {
    let due = dueFreely()
    guard due > 0 else { return true }
    let done = supply(min(due, shape.burst))
    guard done >= 0 else { return setGoing(Int32(truncatingIfNeeded: done)) }
    earned &+= due
    return true
  }

  /// Fills the device with silence up to its target, and finds out whether it keeps time at all.
  @_noAllocation @_noLocks
  mutating func prefill() -> Int32 {
    while moved < shape.target {
      let done = unsafe put(quiet, min(shape.chunk, shape.target &- moved), counts: true)
      if done == -Int(EAGAIN) || done == 0 { break }
      if done < 0 { return Int32(truncatingIfNeeded: done) }
    }
    let room = unsafe snd_pcm_avail(pcm)
    isFree = moved > 0 && room >= shape.buffer
    return 0
  }

  /// Lets everything that was taken from the guest be heard, unless the stream is discarded.
  @_noAllocation @_noLocks
  private mutating func finish() {
    let deadline = monotonicNanoseconds() &+ time(fill &+ staged &+ 2 &* shape.period) &+ 500_000_000
    while staged > 0, goesOn(deadline) {
      let done = unsafe put(staging + stagedAt &* shape.frameBytes, staged, counts: true)
      if done > 0 {
        staged &-= done
        stagedAt &+= done
      } else if done == 0 || done == -Int(EAGAIN) {
        rest(time(shape.chunk) / 4)
      } else {
        return
      }
    }
    if !isFree { pad(deadline) }
    guard !isDiscarded, unsafe snd_pcm_drain(pcm) == -EAGAIN else { return dropIfDiscarded() }
    while unsafe snd_pcm_state(pcm) == SND_PCM_STATE_DRAINING, goesOn(deadline) {
      rest(time(shape.chunk) / 4)
    }
    _ = unsafe snd_pcm_drop(pcm)
  }

  /// Puts a period of silence, and what is missing to whole periods, behind the last frame.
  ///
  /// Some devices end with whole periods only, and some before they have played the last one to its end.
  @_noAllocation @_noLocks
  private mutating func pad(_ deadline: UInt64) {
    var left = 2 &* shape.period &- moved % shape.period
    while left > 0, goesOn(deadline) {
      let done = unsafe put(quiet, min(left, shape.chunk), counts: true)
      if done > 0 {
        left &-= done
      } else if done == 0 || done == -Int(EAGAIN) {
        rest(time(shape.chunk) / 4)
      } else {
        return
      }
    }
  }

  @_noAllocation @_noLocks
  private func goesOn(_ deadline: UInt64) -> Bool { !isDiscarded && monotonicNanoseconds() < deadline }

  private var isDiscarded: Bool {
    @_noAllocation @_noLocks
    get { command.load(ordering: .acquiring) == StopMode.discard.rawValue &+ 1 }
  }

  @_noAllocation @_noLocks
  private func dropIfDiscarded() { if isDiscarded { _ = unsafe snd_pcm_drop(pcm) } }
}
