// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Platform
internal import PluginABI
private import Sound

/// The calls of audio contexts: no lock, no allocation, nothing that waits.
///
/// SAFETY, for all of them: a `vsnd_feed_t *` is the address of a Feed, which stays where it is until
/// close() has returned (R5 keeps backends from calling later).
enum AudioCalls {
  /// Where vsnd_timing_t ends with `when_ns`, and with `delay_frames`.
  static let timingWithTime: UInt32 = 16
  static let timingWithDelay: UInt32 = 24

  @unsafe @_noAllocation @_noLocks
  static func acquire(
    _ feed: OpaquePointer, _ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32
  ) -> UInt32 {
    unsafe UnsafeMutablePointer<Feed>(feed).pointee.acquire(frames, spans, capacity)
  }

  @unsafe @_noAllocation @_noLocks
  static func commit(_ feed: OpaquePointer, _ frames: UInt32, _ timing: UnsafePointer<vsnd_timing_t>?) {
    var delay = Int64.min
    var when: UInt64 = 0
    if let timing = unsafe timing {
      // SAFETY: a field is read only if the size that the backend wrote covers it (R1).
      let size = unsafe timing.pointee.size
      if size >= timingWithTime { when = unsafe timing.pointee.when_ns }
      if size >= timingWithDelay { delay = unsafe timing.pointee.delay_frames }
    }
    let age = when == 0 ? 0 : Int64(bitPattern: MonotonicClock.now &- when)
    unsafe UnsafeMutablePointer<Feed>(feed).pointee.commit(frames, delay: delay, age: age)
  }

  @unsafe @_noAllocation @_noLocks
  static func xrun(_ feed: OpaquePointer, _ lost: UInt32) {
    unsafe UnsafeMutablePointer<Feed>(feed).pointee.xrun(lost)
  }

  @unsafe @_noAllocation @_noLocks
  static func failed(_ feed: OpaquePointer, _ code: Int32) {
    unsafe UnsafeMutablePointer<Feed>(feed).pointee.fail(code)
  }
}
