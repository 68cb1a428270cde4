// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit
import Synchronization

/// A stream that misbehaves; see the options.
@safe
final class FaultStream: Stream {
  private let backend: FaultBackend
  private let number: UInt32
  private let state: UnsafeMutablePointer<FaultState>
  /// For the thread, which is inside the state while this is set to false.
  private let clock: UnsafeMutablePointer<FaultClock>
  private let hasThread: Bool
  private var thread: Thread?
  private let wake = eventfd(0, Int32(EFD_CLOEXEC))

  init(_ backend: FaultBackend, _ params: Parameters, _ feed: consuming Feed, hasThread: Bool)
    throws(BackendError)
  {
    self.backend = backend
    self.hasThread = hasThread
    number = params.stream
    var descriptor: Int32 = -1
    if params.direction == .playback, let path = backend.options.text("play") {
      let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK
      descriptor = unsafe path.withCString { unsafe vsnd_open($0, flags, 0o666) }
      guard descriptor >= 0 else {
        throw BackendError(VSND_E_IO, errno: systemError(), "cannot write to \(path)")
      }
    }
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: FaultState(backend, params, feed, play: descriptor))
    unsafe clock = .allocate(capacity: 1)
    unsafe clock.initialize(to: FaultClock(state, params))
    super.init()
    info.delayFrames = Int64(clamping: backend.options.uint("delay-frames") ?? 0)
  }

  deinit {
    _ = CLibc.close(wake)
    unsafe clock.deinitialize(count: 1)
    unsafe clock.deallocate()
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  override func start() throws(BackendError) {
    try backend.hang(in: "start", stream: number)
    try backend.started()
    unsafe state.pointee.outage = try backend.outage()
    guard hasThread else { return }
    unsafe clock.pointee.running.store(true, ordering: .releasing)
    thread = try unsafe Thread("fault", wake: wake, argument: clock) { clock in
      // SAFETY: stop() joins this thread, and close() comes after it.
      unsafe clock?.assumingMemoryBound(to: FaultClock.self).pointee.run()
      return nil
    }
  }

  @_noAllocation @_noLocks
  override func process(_ tick: Tick) {
    if !hasThread { unsafe state.pointee.step(tick.dueFrames) }
  }

  override func stop(_ how: StopMode) {
    try? backend.hang(in: "stop", stream: number)
    unsafe clock.pointee.running.store(false, ordering: .releasing)
    thread.take()?.join()
  }

  override func close() { try? backend.hang(in: "close", stream: number) }
}

/// The stream's own clock: a step each period until it is told to stop.
@safe
struct FaultClock: ~Copyable {
  let running = Atomic<Bool>(false)
  private let state: UnsafeMutablePointer<FaultState>
  private let period: Int
  private let rate: UInt64

  init(_ state: UnsafeMutablePointer<FaultState>, _ params: Parameters) {
    unsafe self.state = state
    period = max(1, Int(params.periodFrames))
    rate = UInt64(params.rate)
  }

  /// The body of the thread.
  func run() {
    let start = monotonicNanoseconds()
    var next: UInt64 = 0
    while running.load(ordering: .acquiring) {
      unsafe state.pointee.step(period)
      next += UInt64(period)
      let due = start + next * 1_000_000_000 / rate
      let now = monotonicNanoseconds()
      if due > now { sleepFor(due - now) }
    }
  }
}

/// What the audio context touches.
struct FaultState: ~Copyable {
  /// When the host is away, in CLOCK_MONOTONIC.
  var outage: Range<UInt64> = 0..<0

  private let feed: Feed
  private let fills: Bool
  private let counts: Bool
  private let sampleBytes: Int
  private let delay: Int64
  private let xrunEvery: UInt64
  private let doubles: Bool
  private let exceeds: Bool
  private let hangFor: UInt64
  private let play: Int32
  private var hangs: UInt64
  private var steps: UInt64 = 0
  private var frame: UInt64 = 0
  private var isGone = false

  init(_ backend: FaultBackend, _ params: Parameters, _ feed: consuming Feed, play: Int32) {
    let options = backend.options
    self.feed = feed
    self.play = play
    fills = params.direction == .capture
    counts = options.chosen("capture", "counter")
    sampleBytes = params.format.sampleBytes
    delay = Int64(clamping: options.uint("delay-frames") ?? 0)
    xrunEvery = options.uint("xrun-every") ?? 0
    doubles = options.bool("double-acquire")
    exceeds = options.bool("over-commit")
    hangFor = options.duration("hang-for") ?? 0
    hangs = backend.hangs(in: "process", stream: params.stream) ? options.uint("hang-times") ?? 1 : 0
  }

  deinit { if play >= 0 { _ = close(play) } }

  /// Takes `due` frames from the guest, or gives it as many, with the faults that were asked for.
  @_noAllocation @_noLocks
  mutating func step(_ due: Int) {
    steps &+= 1
    let now = monotonicNanoseconds()
    guard now < outage.lowerBound || now >= outage.upperBound else {
      if !isGone { feed.failed(VSND_E_GONE) }
      isGone = true
      return
    }
    let count = feed.acquire(due)
    if doubles { _ = feed.acquire(due) }
    if hangs > 0 {
      hangs &-= 1
      sleepFor(hangFor)
    }
    guard count > 0 else { return }
    var frames = 0
    for index in 0..<count {
      let part = unsafe feed.span(index)
      if fills { unsafe fill(part.data, part.frames) }
      if play >= 0 { _ = unsafe write(play, part.data, part.frames &* feed.frameBytes) }
      unsafe frames &+= part.frames
    }
    feed.commit(exceeds ? frames &+ 1000 : frames, delay: delay)
    if xrunEvery > 0, steps % xrunEvery == 0 { feed.xrun(due) }
  }

  /// Silence, or the number of each frame in the low bytes of its samples.
  @_noAllocation @_noLocks
  private mutating func fill(_ target: UnsafeMutableRawPointer, _ frames: Int) {
    guard counts else { return unsafe feed.silence(target, frames: frames) }
    var at = 0
    for _ in 0..<frames {
      for byte in 0..<feed.frameBytes {
        let shift = UInt64(truncatingIfNeeded: byte % sampleBytes &* 8)
        // SAFETY: frames &* frameBytes bytes were lent.
        unsafe target.storeBytes(
          of: UInt8(truncatingIfNeeded: frame &>> shift), toByteOffset: at, as: UInt8.self)
        at &+= 1
      }
      frame &+= 1
    }
  }
}
