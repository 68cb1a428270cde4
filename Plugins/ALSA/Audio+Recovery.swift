// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit

/// What is done when the device stops: some tries to set it going again, then the stream fails, and the daemon
/// opens it anew.
extension Audio {
  /// So many tries in a row without the device going on are enough.
  private static var mostAttempts: Int { 5 }

  /// Nanoseconds without any progress after which a device counts as stopped.
  var stallLimit: UInt64 {
    @_noAllocation @_noLocks
    get { 500_000_000 &+ 3 &* time(shape.period) }
  }

  /// Sets the device going, at first or after the failure `code`.
  ///
  /// - Returns: false when the stream is stopped, or when it failed for good, which the daemon is told.
  @_noAllocation @_noLocks
  mutating func setGoing(_ code: Int32) -> Bool {
    var code = code
    if code == -EAGAIN || code == -EINTR {
      rest(time(shape.chunk) / 4)
      return true
    }
    if code < 0 { reportLoss() }
    while isWanted {
      if code == -ENODEV || code == -ENOENT || attempts >= Self.mostAttempts { return fail(code) }
      // The first try is made at once: an underrun is no reason to wait.
      if attempts > 0 { rest(max(time(shape.period), 10_000_000)) }
      attempts &+= 1
      if code == -ESTRPIPE { awaitResume() }
      if code < 0 { recoveries &+= 1 }
      code = begin(drops: code == -ETIMEDOUT || code == -EIO)
      if code >= 0 { return true }
    }
    return false
  }

  /// Prepares, fills and starts the device.
  @_noAllocation @_noLocks
  private mutating func begin(drops: Bool) -> Int32 {
    // A device that has only stalled does not let itself be prepared.
    if drops { _ = unsafe snd_pcm_drop(pcm) }
    var code = unsafe snd_pcm_prepare(pcm)
    guard code >= 0 else { return code }
    moved = 0
    fill = 0
    position = 0
    positionTime = 0
    isFree = false
    if !shape.isCapture {
      code = prefill()
      guard code >= 0 else { return code }
    }
    code = unsafe snd_pcm_start(pcm)
    // Some start by themselves when they are full.
    if code < 0, unsafe snd_pcm_state(pcm) != SND_PCM_STATE_RUNNING { return code }
    if shape.isCapture { isFree = unsafe snd_pcm_avail(pcm) >= shape.buffer }
    origin = monotonicNanoseconds()
    earned = 0
    return 0
  }

  /// Waits while the device is suspended; the daemon's clock moves the guest meanwhile.
  @_noAllocation @_noLocks
  private func awaitResume() {
    while isWanted, unsafe snd_pcm_resume(pcm) == -EAGAIN { rest(100_000_000) }
  }

  /// Tells how much was not played or recorded while the device stood still.
  @_noAllocation @_noLocks
  private func reportLoss() {
    guard positionTime != 0 else { return }
    let still = frames(monotonicNanoseconds() &- positionTime)
    let lost = max(1, shape.isCapture ? still : still &- fill)
    guard gate.enter() else { return }
    feed.xrun(lost)
    gate.leave()
  }

  @_noAllocation @_noLocks
  private mutating func fail(_ code: Int32) -> Bool {
    failure = code
    guard gate.enter() else { return false }
    feed.failed(code == -ENODEV || code == -ENOENT ? VSND_E_GONE : VSND_E_IO)
    gate.leave()
    return false
  }

  /// Frames that the clock has earned for a device that has none; waits for the next chunk and returns 0 if it
  /// is not due yet.
  @_noAllocation @_noLocks
  mutating func dueFreely() -> Int {
    let due = frames(monotonicNanoseconds() &- origin) &- earned
    if due < shape.chunk {
      rest(time(shape.chunk &- due))
      return 0
    }
    // After a stall, the lost time stays lost.
    if due >= shape.guestBuffer {
      earned &+= due &- shape.chunk
      return shape.chunk
    }
    return due / shape.chunk &* shape.chunk
  }
}
