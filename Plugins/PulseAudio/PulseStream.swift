// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import CPulse
import PluginABI
import PluginKit

/// One stream of the guest: a pa_stream while there is a server, and nothing while there is none.
///
/// Everything happens under the lock of the server's loop.
@safe
final class PulseStream: Stream {
  private let server: Server
  private let plan: StreamPlan
  private let state: UnsafeMutablePointer<AudioState>
  private var stream: OpaquePointer?
  /// Corks the stream a while after a pause.
  private var pauseTimer: OpaquePointer?
  private var isDraining = false
  private var isDrained = false
  /// The server refused or ended the stream; it is offered again after a while.
  private(set) var isRefused = false

  /// How long open() waits for the server to take the stream: the daemon gives the guest half a second.
  private static let openLimit: UInt64 = 400_000_000
  /// How long close() waits at most for what was committed, beyond its own time.
  private static let drainLimit: UInt64 = 500_000_000
  /// How long a pause plays on, in µs.
  ///
  /// Linux pauses a stream that has ended too, right before it releases it; a cork between would cut the end in two.
  private static let pauseDelay: UInt64 = 50_000

  private init(_ server: Server, _ plan: StreamPlan, _ state: UnsafeMutablePointer<AudioState>) {
    self.server = server
    self.plan = plan
    unsafe self.state = state
    super.init()
  }

  /// Without a server the stream waits for it, and the daemon keeps the guest's time.
  static func open(_ server: Server, _ plan: StreamPlan, _ params: Parameters, _ feed: consuming Feed)
    -> PulseStream
  {
    let state = UnsafeMutablePointer<AudioState>.allocate(capacity: 1)
    // SAFETY: the loop's table is there from prepare() to destroy().
    unsafe state.initialize(to: AudioState(plan, feed, server.api.unsafelyUnwrapped))
    let stream = unsafe PulseStream(server, plan, state)
    server.locked {
      unsafe state.pointee.timer = vsnd_pulse_timer(
        server.api, 1_000_000_000_000,
        { _, _, _, state in unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.pump() }, state)
      // SAFETY: close() takes the timer away before the stream goes.
      unsafe stream.pauseTimer = vsnd_pulse_timer(
        server.api, 1_000_000_000_000, { _, _, _, data in unsafe pulseStream(data)?.pause() },
        Unmanaged.passUnretained(stream).toOpaque())
    }
    server.add(stream)
    let limit = monotonicNanoseconds() + openLimit
    while server.locked({ stream.isComing }), monotonicNanoseconds() < limit { usleep(1000) }
    server.locked { stream.tellInfo() }
    return stream
  }

  deinit {
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  override func start() throws(BackendError) {
    server.locked {
      isDraining = false
      unsafe state.pointee.isRunning = true
      begin()
    }
  }

  override func stop(_ how: StopMode) {
    server.locked {
      unsafe state.pointee.isRunning = false
      guard let stream = unsafe stream, unsafe state.pointee.stream != nil else { return }
      switch how {
      case .hold where !plan.isCapture:
        guard let pauseTimer = unsafe pauseTimer else { return }
        unsafe vsnd_pulse_timer_again(server.api, pauseTimer, Self.pauseDelay)
      case .hold, .discard: unsafe cork(stream, true)
      case .drain where plan.isCapture: break
      case .drain: unsafe drain(stream)
      }
    }
  }

  override func close() {
    if isDraining {
      let own = server.locked { unsafe UInt64(state.pointee.target) } * 1_000_000_000 / UInt64(plan.spec.rate)
      let limit = monotonicNanoseconds() + min(own, 2_000_000_000) + Self.drainLimit
      while monotonicNanoseconds() < limit, !server.locked({ isDrained || isDetached }) {
        usleep(2000)
      }
    }
    server.remove(self)
    server.locked {
      if let timer = unsafe state.pointee.timer { unsafe vsnd_pulse_timer_free(server.api, timer) }
      if let pauseTimer = unsafe pauseTimer { unsafe vsnd_pulse_timer_free(server.api, pauseTimer) }
      unsafe state.pointee.timer = nil
      unsafe pauseTimer = nil
    }
  }

  // MARK: Under the lock of the loop

  /// The server has yet to say whether it takes the stream.
  private var isComing: Bool { unsafe !isRefused && stream != nil && state.pointee.stream == nil }

  private var isDetached: Bool { unsafe stream == nil }

  /// Makes the pa_stream; the rest follows in its callbacks.
  @unsafe
  func attach(to context: OpaquePointer) {
    isRefused = false
    guard unsafe stream == nil, let made = unsafe make(context) else { return }
    unsafe stream = made
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    // SAFETY: detach() takes the callbacks away before `self` or `state` goes.
    unsafe pa_stream_set_state_callback(made, { _, data in unsafe pulseStream(data)?.changed() }, this)
    unsafe pa_stream_set_moved_callback(made, { _, data in unsafe pulseStream(data)?.moved() }, this)
    let pump: pa_stream_request_cb_t = { _, _, state in
      unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.pump()
    }
    if plan.isCapture {
      unsafe pa_stream_set_read_callback(made, pump, state)
    } else {
      unsafe pa_stream_set_write_callback(made, pump, state)
      let starved: pa_stream_notify_cb_t = { _, state in
        unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.starved()
      }
      unsafe pa_stream_set_underflow_callback(made, starved, state)
      unsafe pa_stream_set_overflow_callback(made, starved, state)
    }
    if unsafe connect(made) < 0 { refuse() }
  }

  private func make(_ context: OpaquePointer) -> OpaquePointer? {
    var (spec, map) = (plan.spec, plan.map)
    let list = unsafe pa_proplist_new()
    defer { unsafe pa_proplist_free(list) }
    if let role = plan.role {
      unsafe role.withCString { value in _ = unsafe pa_proplist_sets(list, PA_PROP_MEDIA_ROLE, value) }
    }
    return unsafe plan.label.withCString {
      unsafe pa_stream_new_with_proplist(context, $0, &spec, &map, list)
    }
  }

  private func connect(_ stream: OpaquePointer) -> Int32 {
    var attributes = plan.attributes
    var flags =
      PA_STREAM_START_CORKED.rawValue | PA_STREAM_INTERPOLATE_TIMING.rawValue
      | PA_STREAM_AUTO_TIMING_UPDATE.rawValue | PA_STREAM_ADJUST_LATENCY.rawValue
    if !plan.isMovable { flags |= PA_STREAM_DONT_MOVE.rawValue }
    let mode = pa_stream_flags_t(rawValue: flags)
    func connect(_ device: UnsafePointer<CChar>?) -> Int32 {
      plan.isCapture
        ? unsafe pa_stream_connect_record(stream, device, &attributes, mode)
        : unsafe pa_stream_connect_playback(stream, device, &attributes, mode, nil, nil)
    }
    guard let device = plan.device else { return connect(nil) }
    return unsafe device.withCString { unsafe connect($0) }
  }

  /// Takes the pa_stream away; no callback comes any more.
  func detach() {
    guard let old = unsafe stream else { return }
    unsafe state.pointee.stream = nil
    unsafe stream = nil
    unsafe pa_stream_set_state_callback(old, nil, nil)
    unsafe pa_stream_set_moved_callback(old, nil, nil)
    unsafe pa_stream_set_write_callback(old, nil, nil)
    unsafe pa_stream_set_read_callback(old, nil, nil)
    unsafe pa_stream_set_underflow_callback(old, nil, nil)
    unsafe pa_stream_set_overflow_callback(old, nil, nil)
    _ = unsafe pa_stream_disconnect(old)
    unsafe pa_stream_unref(old)
  }

  /// The server is gone: the daemon takes over at once.
  func lost() {
    unsafe state.pointee.stream = nil
    if unsafe state.pointee.isRunning { unsafe state.pointee.feed.failed(VSND_E_GONE) }
  }

  private func changed() {
    guard let stream = unsafe stream else { return }
    switch unsafe pa_stream_get_state(stream) {
    case PA_STREAM_READY:
      unsafe state.pointee.stream = stream
      moved()
      unsafe state.pointee.used = 0
      if unsafe state.pointee.isRunning { begin() }
    case PA_STREAM_FAILED, PA_STREAM_TERMINATED: if server.isReady { refuse() }
    default: break
    }
  }

  private func refuse() {
    isRefused = true
    let reason = unsafe stream.map {
      unsafe Text(cString: pa_strerror(pa_context_errno(pa_stream_get_context($0))))
    }
    unsafe state.pointee.stream = nil
    server.refused("\(plan.label): PulseAudio ended the stream (\(reason ?? "")); asking for it again")
  }

  /// On another device the server may keep more or less.
  private func moved() {
    guard let stream = unsafe stream, let attributes = unsafe pa_stream_get_buffer_attr(stream) else {
      return
    }
    let bytes = unsafe plan.isCapture ? attributes.pointee.fragsize : attributes.pointee.tlength
    unsafe state.pointee.target = max(1, Int(bytes) / plan.frameBytes)
  }

  /// Lets audio flow: what the server's buffer has beyond the guest's is silence before the first frame.
  private func begin() {
    guard let stream = unsafe state.pointee.stream else { return }
    let room = unsafe pa_stream_writable_size(stream)
    let frames = plan.isCapture || room == .max ? 0 : Int(room) / plan.frameBytes
    unsafe state.pointee.lead = max(0, frames - plan.burst)
    unsafe state.pointee.restart()
    unsafe cork(stream, false)
    unsafe state.pointee.pump()
  }

  /// The pause has lasted: what the server still has is kept.
  private func pause() {
    guard let stream = unsafe state.pointee.stream, unsafe !state.pointee.isRunning, !isDraining
    else { return }
    unsafe cork(stream, true)
  }

  private func cork(_ stream: OpaquePointer, _ corks: Bool) {
    if let operation = unsafe pa_stream_cork(stream, corks ? 1 : 0, nil, nil) {
      unsafe pa_operation_unref(operation)
    }
  }

  private func drain(_ stream: OpaquePointer) {
    isDraining = true
    isDrained = false
    // A pause may have come before.
    unsafe cork(stream, false)
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    let operation = unsafe pa_stream_drain(
      stream, { _, _, data in unsafe pulseStream(data)?.isDrained = true }, this)
    if let operation = unsafe operation { unsafe pa_operation_unref(operation) } else { isDraining = false }
  }

  private func tellInfo() {
    guard let stream = unsafe state.pointee.stream, let attributes = unsafe pa_stream_get_buffer_attr(stream)
    else { return }
    let step = unsafe plan.isCapture ? attributes.pointee.fragsize : attributes.pointee.minreq
    info.periodFrames = UInt32(max(1, Int(step) / plan.frameBytes))
    info.bufferFrames = unsafe UInt32(clamping: state.pointee.target)
  }
}

private func pulseStream(_ data: UnsafeMutableRawPointer?) -> PulseStream? {
  // SAFETY: the callbacks are taken away before the stream goes.
  unsafe data.map { unsafe Unmanaged<PulseStream>.fromOpaque($0).takeUnretainedValue() }
}
