// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CJACK
import PluginABI
import PluginKit
import Synchronization

/// What the process callback sees of one stream of the card: its ports, and its feed while it runs.
///
/// Lives as long as its client. Ports outlast a guest's RELEASE, so that what a user has connected stays connected.
@safe
struct Lane: ~Copyable {
  /// Open while the ports are registered: the ports may be used.
  let ports = Gate()
  /// Open from start() to stop(): the feed may be used.
  let flow = Gate()
  /// Frames from a port to the ear, or from the mouth to a port.
  let latency = Atomic<UInt32>(0)
  /// Frames that the server lost and the guest has not been told of.
  let lost = Atomic<UInt32>(0)
  /// The graph's period grew beyond what the daemon was told: the stream has to be opened anew.
  let outgrown = Atomic<Bool>(false)

  /// Changed while the ports' gate is closed.
  var isCapture = false
  var channels = 0
  let handles: UnsafeMutablePointer<OpaquePointer?>
  /// The ports' samples of this cycle.
  private let samples: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
  /// Changed while the flow's gate is closed.
  var feed: UnsafeMutablePointer<Feed>?
  /// In the place of the feed, where the guest's buffer is smaller than a cycle.
  var spread: UnsafeMutablePointer<Spread>?
  var kind = SampleKind.s16
  /// The most that is taken from the guest at once, or given to it: a period less than its buffer, because a guest
  /// whose whole buffer completes at once sees no progress.
  var burst = 0

  init() {
    unsafe handles = .allocate(capacity: Int(VSND_CHANNELS_MAX))
    unsafe handles.initialize(repeating: nil, count: Int(VSND_CHANNELS_MAX))
    unsafe samples = .allocate(capacity: Int(VSND_CHANNELS_MAX))
    unsafe samples.initialize(repeating: nil, count: Int(VSND_CHANNELS_MAX))
  }

  deinit {
    unsafe handles.deallocate()
    unsafe samples.deallocate()
  }

  /// One cycle of `frames` frames.
  ///
  /// - Parameter flows: false while the graph runs without a clock.
  @_noAllocation @_noLocks
  mutating func process(_ frames: Int, flows: Bool) {
    guard ports.enter() else { return }
    for index in 0..<channels {
      guard let port = unsafe handles[index],
        let memory = unsafe jack_port_get_buffer(port, UInt32(truncatingIfNeeded: frames))
      else { return ports.leave() }
      // SAFETY: an audio port has `frames` floats.
      unsafe samples[index] = memory.assumingMemoryBound(to: Float.self)
    }
    var done = 0
    if flows, flow.enter() {
      if let spread = unsafe spread {
        unsafe done = exchange(spread, frames)
      } else if let feed = unsafe feed {
        unsafe done = move(&feed.pointee, frames)
      }
      flow.leave()
    }
    if !isCapture { silence(from: done, to: frames) }
    ports.leave()
  }

  @_noAllocation @_noLocks
  private func silence(from start: Int, to end: Int) {
    for index in 0..<channels {
      guard let memory = unsafe samples[index] else { continue }
      unsafe (memory + start).update(repeating: 0, count: end &- start)
    }
  }

  /// Moves up to `frames` frames between guest and ports, and returns how many.
  @_noAllocation @_noLocks @unsafe
  private func move(_ feed: inout Feed, _ frames: Int) -> Int {
    if outgrown.exchange(false, ordering: .relaxed) {
      feed.failed(VSND_E_BUSY)
      return 0
    }
    let missed = lost.exchange(0, ordering: .relaxed)
    if missed > 0 { feed.xrun(Int(missed)) }
    let most = min(frames, burst)
    let latency = Int64(latency.load(ordering: .relaxed))
    var done = 0
    while done < most {
      let count = feed.acquire(most &- done)
      guard count > 0 else { break }
      var used = 0
      for index in 0..<count {
        let part = unsafe feed.span(index)
        let run = min(unsafe part.frames, most &- done &- used)
        unsafe convert(part.data, run, at: done &+ used)
        used &+= run
      }
      // From the end of what was played to the ear, or from the mouth to the start of what was recorded.
      let way = isCapture ? latency &- Int64(done) : latency &+ Int64(done &+ used)
      feed.commit(used, delay: max(0, way))
      done &+= used
    }
    if done < frames { feed.xrun(frames &- done) }
    return done
  }

  /// The same between the queue and the ports.
  @_noAllocation @_noLocks @unsafe
  private func exchange(_ spread: UnsafeMutablePointer<Spread>, _ frames: Int) -> Int {
    unsafe spread.pointee.begin(frames)
    var done = 0
    while done < frames {
      let piece =
        isCapture ? unsafe spread.pointee.back(frames &- done) : unsafe spread.pointee.front(frames &- done)
      guard unsafe piece.frames > 0 else { break }
      unsafe convert(piece.memory, piece.frames, at: done)
      if isCapture {
        unsafe spread.pointee.append(piece.frames)
      } else {
        unsafe spread.pointee.drop(piece.frames)
      }
      unsafe done &+= piece.frames
    }
    return done
  }

  /// One span of guest memory, to or from the ports at frame `start`.
  @_noAllocation @_noLocks @unsafe
  private func convert(_ memory: UnsafeMutableRawPointer, _ frames: Int, at start: Int) {
    let bytes = kind.bytes
    for index in 0..<channels {
      guard let port = unsafe samples[index] else { continue }
      let channel = unsafe memory + index &* bytes
      if isCapture {
        unsafe kind.store(port + start, to: channel, stride: channels, frames: frames)
      } else {
        unsafe kind.load(channel, stride: channels, to: port + start, frames: frames)
      }
    }
  }
}
