// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import CPipeWire
import PluginABI
import PluginKit
import Synchronization

/// One stream of the guest: a pw_stream while there is a server, and nothing while there is none.
///
/// All but ``stop(_:)``'s barrier happens under the lock of the server's loop.
@safe
final class PipeWireStream: Stream {
  private let server: Server
  private let direction: Direction
  private let format: StreamFormat
  private let names: StreamNames
  private let state: UnsafeMutablePointer<AudioState>
  private let timer: Int32
  private let source: UnsafeMutablePointer<spa_source>
  private let hook: UnsafeMutablePointer<spa_hook>
  private var stream: OpaquePointer?
  private var isRunning = false
  /// The graph moves the pw_stream, or will.
  private var isActive = false
  private var isDetaching = false
  private var isDraining = false
  /// A pause that plays out, and how often it is looked at before that is given up.
  private var outflow: Outflow?
  private var looks = 0
  /// The server refused or removed the stream; it is offered again after a while.
  private(set) var isRefused = false

  /// How long start() waits for the graph: the daemon gives the guest half a second.
  private static let startLimit: UInt64 = 400_000_000
  /// How long close() waits at most for what was committed.
  private static let drainLimit: UInt64 = 500_000_000

  private init(
    _ server: Server, _ params: Parameters, _ format: StreamFormat, _ names: StreamNames,
    _ feed: consuming Feed, timer: Int32
  ) {
    self.server = server
    self.format = format
    self.names = names
    self.timer = timer
    direction = params.direction
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: AudioState(params, feed, timer: timer))
    unsafe source = .allocate(capacity: 1)
    unsafe source.initialize(to: spa_source())
    unsafe hook = .allocate(capacity: 1)
    unsafe hook.initialize(to: spa_hook())
    super.init()
  }

  /// Not a throwing initializer: Embedded Swift leaks the object that one gives up.
  static func open(_ server: Server, _ params: Parameters, _ names: StreamNames, _ feed: consuming Feed)
    throws(BackendError) -> PipeWireStream
  {
    let format = try StreamFormat(params)
    let timer = vsnd_pw_timer_new()
    guard timer >= 0 else { throw BackendError(VSND_E_NOMEM, errno: systemError(), "cannot make a timer") }
    let stream = PipeWireStream(server, params, format, names, feed, timer: timer)
    unsafe stream.source.pointee.fd = timer
    unsafe stream.source.pointee.data = UnsafeMutableRawPointer(stream.state)
    unsafe stream.source.pointee.func = params.direction == .capture ? captureTick : playbackTick
    try unsafe server.add(stream, source: stream.source)
    return stream
  }

  deinit {
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
    unsafe source.deallocate()
    unsafe hook.deallocate()
    _ = CLibc.close(timer)
  }

  override func start() throws(BackendError) {
    let before = unsafe state.pointee.cycles.load(ordering: .relaxed)
    let waits = server.locked {
      isRunning = true
      isDraining = false
      outflow = nil
      unsafe state.pointee.gate.open()
      activate(true)
      return isActive
    }
    guard waits else { return }
    let limit = monotonicNanoseconds() + Self.startLimit
    while unsafe state.pointee.cycles.load(ordering: .acquiring) == before, monotonicNanoseconds() < limit,
      !server.locked({ isRefused || isDetached })
    {
      usleep(2000)
    }
  }

  override func stop(_ how: StopMode) {
    unsafe state.pointee.gate.close()
    if how == .discard { unsafe state.pointee.discards.store(true, ordering: .relaxed) }
    server.locked {
      isRunning = false
      outflow = nil
      isDraining = how == .drain && isActive && direction == .playback
      if how == .hold, isActive, direction == .playback {
        outflow = unsafe Outflow(state)
        looks = 20
        server.rest()
      } else if !isDraining {
        activate(false)
      }
    }
  }

  override func close() {
    if isDraining { drain() }
    unsafe server.remove(self, source: source)
  }

  /// Waits until what was committed has reached the graph, and the graph has gone on.
  private func drain() {
    let limit = monotonicNanoseconds() + Self.drainLimit
    var outflow = unsafe Outflow(state)
    while !outflow.isDone(), monotonicNanoseconds() < limit, !server.locked({ isRefused || isDetached }) {
      usleep(2000)
    }
  }

  // MARK: Under the lock of the loop

  private var isDetached: Bool { unsafe stream == nil }

  /// How the log calls it.
  var name: Text { names.media }

  /// Whether it should run, and no graph moves it.
  var isIdle: Bool {
    guard isRunning, let stream = unsafe stream else { return false }
    return unsafe pw_stream_get_state(stream, nil) != PW_STREAM_STATE_STREAMING
  }

  /// Lets the graph move the pw_stream, or not; without one, the next is told.
  private func activate(_ moves: Bool) {
    guard let stream = unsafe stream else { return }
    _ = unsafe pw_stream_set_active(stream, moves)
    isActive = moves
  }

  /// Ends a pause that has played out.
  ///
  /// Linux pauses a stream that has ended too, right before it releases it: what was committed is to be heard then, so
  /// a pause goes on in the graph for a moment.
  ///
  /// - Returns: whether it has to be looked at again.
  func rest() -> Bool {
    guard var outflow = self.outflow else { return false }
    looks -= 1
    let isOver = outflow.isDone() || looks == 0
    self.outflow = isOver ? nil : outflow
    if isOver { activate(false) }
    return !isOver
  }

  /// Makes the pw_stream, which links and negotiates from here on by itself.
  func attach(to core: OpaquePointer) {
    isRefused = false
    let properties = unsafe names.properties(direction)
    let made = unsafe names.media.withCString { unsafe pw_stream_new(core, $0, properties) }
    guard let made = unsafe made else {
      isRefused = true
      return
    }
    unsafe stream = made
    unsafe state.pointee.stream = made
    unsafe state.pointee.owner = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    let table = unsafe direction == .capture ? captureEvents : playbackEvents
    unsafe hook.initialize(to: spa_hook())
    // SAFETY: the events go to `state` and to `self`; both outlive the pw_stream, which detach() destroys.
    unsafe pw_stream_add_listener(made, hook, table, UnsafeMutableRawPointer(state))
    if unsafe format.connect(made, direction) < 0 {
      isRefused = true
    } else if isRunning {
      activate(true)
    }
  }

  /// Destroys the pw_stream; its callbacks have ended when this returns.
  func detach() {
    guard let old = unsafe stream else { return }
    isDetaching = true
    unsafe pw_stream_destroy(old)
    isDetaching = false
    unsafe stream = nil
    isActive = false
    unsafe state.pointee.stream = nil
  }

  /// The server is gone: the daemon takes over at once.
  func lost() {
    detach()
    guard unsafe state.pointee.gate.enter() else { return }
    unsafe state.pointee.feed.failed(VSND_E_GONE)
    unsafe state.pointee.gate.leave()
  }

  /// pw_stream's io_changed event for the position: the stream has got a driver, another, or none.
  func driven(by position: UnsafeMutablePointer<spa_io_position>?) {
    unsafe server.assign(&state.pointee.position, position)
  }

  /// pw_stream's state_changed event.
  func changed(_ now: pw_stream_state, _ error: UnsafePointer<CChar>?) {
    guard !isDetaching, now == PW_STREAM_STATE_ERROR || now == PW_STREAM_STATE_UNCONNECTED else { return }
    isRefused = true
    let reason: Text = unsafe error.map { unsafe Text(cString: $0) } ?? "removed by the server"
    server.refused("\(names.media): \(reason)")
  }
}
