// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit
import Synchronization

/// What the audio thread of a stream uses; lives at a fixed address.
///
/// No call of libasound is made while a loan is out, except into the memory of a card, which cannot hang: a
/// PCM that never returns then keeps its thread, and nothing of the daemon's.
@safe
struct Audio: ~Copyable {
  /// What the thread is to do: 0 to go on, else 1 + the StopMode with which it ends.
  let command = Atomic<UInt32>(0)
  /// Keeps the thread from the feed once stop() has returned.
  let gate = Gate()
  /// One for the stream and one for its thread; the last one frees.
  let owners = Atomic<Int>(1)
  /// Written to end the thread's rest.
  let wake: Int32
  let shape: Shape
  let pcm: OpaquePointer
  let feed: Feed
  /// libasound's code that ended the thread, 0 if none did; read when the thread is gone.
  var failure: Int32 = 0
  /// Times that the device had to be set going again.
  var recoveries = 0

  /// The wake descriptor, and those of the PCM.
  let list: UnsafeMutablePointer<pollfd>
  let descriptors: Int
  let status: OpaquePointer?
  /// A buffer of interleaved frames on their way, of which `staged` from `stagedAt` on are still to be written.
  let staging: UnsafeMutableRawPointer
  var stagedAt = 0
  var staged = 0
  /// A chunk of silence.
  let quiet: UnsafeMutableRawPointer
  /// For planar access: a chunk for each channel, and where it begins.
  let planeMemory: UnsafeMutableRawPointer
  let planes: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// The device does not keep time: whatever is written is taken at once.
  var isFree = false
  /// Frames written or read since the device was last set going.
  var moved = 0
  /// Frames that the device had gone on by then, and when it last did.
  var position = 0
  var positionTime: UInt64 = 0
  /// What it held then.
  var fill = 0
  /// Attempts to set it going since it last went on.
  var attempts = 0
  /// CLOCK_MONOTONIC when a free device was set going, and the frames that the clock has earned since.
  var origin: UInt64 = 0
  var earned = 0

  /// Takes over `pcm`, which is configured, and `wake`.
  @unsafe
  init(_ pcm: OpaquePointer, _ shape: Shape, _ feed: consuming Feed, wake: Int32) {
    var status: OpaquePointer?
    _ = unsafe snd_pcm_status_malloc(&status)
    unsafe self.status = status
    unsafe self.pcm = pcm
    self.shape = shape
    self.wake = wake
    unsafe staging = .allocate(byteCount: shape.buffer * shape.frameBytes, alignment: 16)
    unsafe quiet = .allocate(byteCount: shape.chunk * shape.frameBytes, alignment: 16)
    unsafe planeMemory = .allocate(byteCount: shape.buffer * shape.frameBytes, alignment: 16)
    unsafe planes = .allocate(capacity: shape.channels)
    for channel in 0..<shape.channels {
      let at = channel * shape.buffer * shape.frameBytes / shape.channels
      unsafe (planes + channel).initialize(to: planeMemory + at)
    }
    unsafe feed.silence(quiet, frames: shape.chunk)
    self.feed = feed
    let count = max(0, Int(unsafe snd_pcm_poll_descriptors_count(pcm)))
    unsafe list = .allocate(capacity: count + 1)
    unsafe list.initialize(repeating: pollfd(fd: wake, events: Int16(POLLIN), revents: 0), count: count + 1)
    descriptors = max(0, Int(unsafe snd_pcm_poll_descriptors(pcm, list + 1, UInt32(count))))
  }

  deinit {
    _ = unsafe snd_pcm_close(pcm)
    unsafe snd_pcm_status_free(status)
    unsafe staging.deallocate()
    unsafe quiet.deallocate()
    unsafe planeMemory.deallocate()
    unsafe planes.deallocate()
    unsafe list.deallocate()
    _ = close(wake)
  }

  /// Whether the stream still runs.
  var isWanted: Bool {
    @_noAllocation @_noLocks
    get { command.load(ordering: .acquiring) == 0 }
  }

  /// Nanoseconds that `frames` last.
  @_noAllocation @_noLocks
  func time(_ frames: Int) -> UInt64 { UInt64(max(0, frames)) &* 1_000_000_000 / shape.rate }

  /// Frames that `nanoseconds` are.
  @_noAllocation @_noLocks
  func frames(_ nanoseconds: UInt64) -> Int {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
    return Int(clamping: seconds &* shape.rate &+ rest &* shape.rate / 1_000_000_000)
  }

  /// Waits, until the stream is stopped or `limit` nanoseconds are over.
  ///
  /// - Parameter device: or until the device wants something.
  /// - Returns: whether the device said that it does.
  @_noAllocation @_noLocks @discardableResult
  func rest(_ limit: UInt64, device: Bool = false) -> Bool {
    let limit = max(limit, 500_000)
    var time = timespec(tv_sec: Int(limit / 1_000_000_000), tv_nsec: Int(limit % 1_000_000_000))
    // After stop() the wake descriptor is readable for good: then only time counts.
    let first = isWanted ? 0 : 1
    let count = device ? 1 &+ descriptors : 1
    guard unsafe ppoll(list + first, nfds_t(count &- first), &time, nil) > 0, device else { return false }
    var events: UInt16 = 0
    _ = unsafe snd_pcm_poll_descriptors_revents(pcm, list + 1, UInt32(descriptors), &events)
    return events != 0
  }

  /// The delay of the device in frames, and when that was.
  @_noAllocation @_noLocks
  func delay(_ now: UInt64) -> (frames: Int, when: UInt64) {
    if isFree { return (0, now) }
    guard let status = unsafe status, unsafe snd_pcm_status(pcm, status) >= 0 else { return (fill, now) }
    var stamp = snd_htimestamp_t()
    unsafe snd_pcm_status_get_htstamp(status, &stamp)
    let when = UInt64(clamping: stamp.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: stamp.tv_nsec)
    // Plugins may use another clock.
    let isNear = when <= now && now &- when < 1_000_000_000
    return (max(0, unsafe snd_pcm_status_get_delay(status)), isNear ? when : now)
  }
}
