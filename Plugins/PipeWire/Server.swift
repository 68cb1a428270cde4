// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginABI
import PluginKit

/// The connection to PipeWire, made again whenever it is lost, and the thread that looks after it.
///
/// Everything but ``prepare()`` happens under the lock of the loop, which its thread holds during events.
@safe
final class Server {
  private let backend: PipeWireBackend
  let devices: Devices
  private let remote: Text?
  private var loop: OpaquePointer?
  private var context: OpaquePointer?
  private var timer: UnsafeMutablePointer<spa_source>?
  /// Fires while pauses of streams play out.
  private var restTimer: UnsafeMutablePointer<spa_source>?
  private var core: OpaquePointer?
  private let hook: UnsafeMutablePointer<spa_hook>
  private var streams: [PipeWireStream] = []
  /// The core reported an error that ends the connection.
  private var isBroken = false
  /// The daemon knows that the server is away.
  private var isAway = false
  /// Streams that should run and do not are offered anew.
  private var revisions = 0
  /// When the timer fires, in CLOCK_MONOTONIC.
  private var nextLook = UInt64.max
  private var awaited: Int32 = 0
  private var arrived: Int32 = 0

  /// Between two tries to connect, or to offer a stream that was refused.
  private static let pause: UInt64 = 250_000_000

  /// How long a session manager has to link what there is.
  private static let settling: UInt64 = 500_000_000

  /// Between two looks at a pause that plays out.
  private static let resting: UInt64 = 50_000_000

  init(_ backend: PipeWireBackend, remote: Text?) {
    self.backend = backend
    self.remote = remote
    devices = Devices(backend)
    unsafe hook = .allocate(capacity: 1)
    unsafe hook.initialize(to: spa_hook())
  }

  deinit { unsafe hook.deallocate() }

  // MARK: Control threads

  /// Starts the thread and makes the first try to connect.
  func prepare() throws(BackendError) {
    guard let loop = unsafe pw_thread_loop_new("vsnd-pipewire", nil) else {
      throw BackendError(VSND_E_NOMEM, errno: systemError(), "cannot make a PipeWire loop")
    }
    unsafe self.loop = loop
    // Up to 0.3 the module that asks for real-time priority is only in this configuration, later in any.
    let properties = unsafe vsnd_pw_properties()
    if let properties = unsafe properties, unsafe pw_get_library_version().pointee == CChar(UInt8(ascii: "0"))
    {
      unsafe set(properties, "config.name", "client-rt.conf")
    }
    guard let context = unsafe pw_context_new(pw_thread_loop_get_loop(loop), properties, 0) else {
      throw BackendError(VSND_E_IO, errno: systemError(), "cannot make a PipeWire context")
    }
    unsafe self.context = context
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe timer = vsnd_pw_add_timer(
      pw_thread_loop_get_loop(loop),
      { server, _ in
        guard let server = unsafe server else { return }
        // SAFETY: the timer is destroyed before the server.
        unsafe Unmanaged<Server>.fromOpaque(server).takeUnretainedValue().look()
      }, this)
    unsafe restTimer = vsnd_pw_add_timer(
      pw_thread_loop_get_loop(loop),
      { server, _ in
        guard let server = unsafe server else { return }
        // SAFETY: as above.
        let this = unsafe Unmanaged<Server>.fromOpaque(server).takeUnretainedValue()
        if this.streams.reduce(false, { $1.rest() || $0 }) { this.rest() }
      }, this)
    guard unsafe pw_thread_loop_start(loop) == 0 else {
      throw BackendError(VSND_E_NOMEM, errno: systemError(), "cannot start a PipeWire loop")
    }
    locked { look() }
  }

  func end() {
    guard let loop = unsafe loop else { return }
    locked { disconnect() }
    unsafe pw_thread_loop_stop(loop)
    if let timer = unsafe timer { unsafe vsnd_pw_destroy_source(pw_thread_loop_get_loop(loop), timer) }
    if let timer = unsafe restTimer { unsafe vsnd_pw_destroy_source(pw_thread_loop_get_loop(loop), timer) }
    if let context = unsafe context { unsafe pw_context_destroy(context) }
    unsafe pw_thread_loop_destroy(loop)
    unsafe self.loop = nil
  }

  /// Runs `body` while the loop's thread rests.
  func locked<Result>(_ body: () -> Result) -> Result {
    unsafe pw_thread_loop_lock(loop)
    defer { unsafe pw_thread_loop_unlock(loop) }
    return body()
  }

  /// Takes a stream in, with the timer of its audio context.
  func add(_ stream: PipeWireStream, source: UnsafeMutablePointer<spa_source>) throws(BackendError) {
    let result = unsafe vsnd_pw_data_loop_add(context, source)
    guard result >= 0 else { throw BackendError(VSND_E_NOMEM, errno: -result, "cannot watch a timer") }
    locked {
      streams.append(stream)
      if let core = unsafe core, !isBroken { unsafe stream.attach(to: core) }
    }
  }

  func remove(_ stream: PipeWireStream, source: UnsafeMutablePointer<spa_source>) {
    locked {
      stream.detach()
      streams.removeAll { $0 === stream }
    }
    unsafe vsnd_pw_data_loop_remove(context, source)
  }

  /// Waits until the server has told all that it had to tell so far, a second at most.
  func settle() {
    locked {
      guard let core = unsafe core, !isBroken else { return }
      // Twice: what the first answers let us bind is told with the second.
      for _ in 0..<2 {
        awaited = unsafe vsnd_pw_core_sync(core)
        var limit = timespec()
        _ = unsafe pw_thread_loop_get_time(loop, &limit, 1_000_000_000)
        while arrived != awaited, !isBroken {
          guard unsafe pw_thread_loop_timed_wait_full(loop, &limit) == 0 else { return }
        }
      }
    }
  }

  // MARK: The loop's thread

  /// Looks soon whether pauses have played out; control threads too.
  func rest() { unsafe vsnd_pw_timer_after(pw_thread_loop_get_loop(loop), restTimer, Self.resting) }

  /// Changes a pointer that the audio context reads, while it rests.
  func assign(
    _ target: UnsafeMutablePointer<UnsafeMutablePointer<spa_io_position>?>,
    _ position: UnsafeMutablePointer<spa_io_position>?
  ) {
    unsafe vsnd_pw_data_loop_set(context, target, position)
  }

  /// A stream was refused or removed; it is offered again after a while.
  func refused(_ reason: Text) {
    backend.host.log(VSND_LOG_DEBUG, reason)
    again(after: Self.pause)
  }

  /// A session manager has come.
  ///
  /// A new one leaves streams alone that the one before it had linked, so they are offered to it as new ones, if it
  /// does not link them within a moment.
  func managed() {
    backend.host.log(VSND_LOG_DEBUG, "there is a session manager")
    revisions = 3
    again(after: Self.settling)
  }

  /// The timer: connects if there is no connection, and offers what was refused.
  private func look() {
    nextLook = .max
    if isBroken { disconnect() }
    guard let core = unsafe core else { return connect() }
    if revisions > 0 { revisions -= 1 }
    let isRevised = revisions > 0
    if isRevised, streams.contains(where: { $0.isIdle }) { again(after: Self.settling) }
    for stream in streams where stream.isRefused || isRevised && stream.isIdle {
      backend.host.log(VSND_LOG_DEBUG, "\(stream.name): offered anew")
      stream.detach()
      unsafe stream.attach(to: core)
      if stream.isRefused { again(after: Self.pause) }
    }
  }

  /// Lets the timer fire, unless it does so earlier already.
  private func again(after delay: UInt64) {
    let time = monotonicNanoseconds() + delay
    guard time < nextLook else { return }
    nextLook = time
    unsafe vsnd_pw_timer_after(pw_thread_loop_get_loop(loop), timer, delay)
  }

  private func connect() {
    let properties = unsafe vsnd_pw_properties()
    if let properties = unsafe properties {
      unsafe set(properties, "application.name", backend.options.text("vm-name") ?? "vhost-device-sound")
      if let remote { unsafe set(properties, "remote.name", remote) }
    }
    guard let core = unsafe pw_context_connect(context, properties, 0) else {
      if !isAway { backend.host.log(VSND_LOG_WARNING, "PipeWire is not there; trying again and again") }
      isAway = true
      return again(after: Self.pause)
    }
    unsafe self.core = core
    unsafe hook.initialize(to: spa_hook())
    unsafe vsnd_pw_core_listen(core, hook, coreEvents, Unmanaged.passUnretained(self).toOpaque())
    unsafe devices.follow(core) { [self] in managed() }
    for stream in streams { unsafe stream.attach(to: core) }
  }

  private func disconnect() {
    guard let old = unsafe core else { return }
    isBroken = false
    for stream in streams { stream.lost() }
    devices.forget()
    unsafe vsnd_pw_unhook(hook)
    unsafe core = nil
    _ = unsafe pw_core_disconnect(old)
  }

  fileprivate func told() {
    guard isAway else { return }
    isAway = false
    backend.host.log(VSND_LOG_INFO, "PipeWire is there")
    backend.host.notify(VSND_EVENT_RESTORED, backend)
  }

  fileprivate func done(_ number: Int32) {
    arrived = number
    unsafe pw_thread_loop_signal(loop, false)
  }

  fileprivate func failed(_ object: UInt32, _ code: Int32) {
    guard object == 0, code == -EPIPE, !isBroken else { return }
    isBroken = true
    if !isAway {
      backend.host.log(VSND_LOG_WARNING, "PipeWire is gone; connecting again as soon as it is back")
      backend.host.notify(VSND_EVENT_LOST, backend)
    }
    isAway = true
    unsafe pw_thread_loop_signal(loop, false)
    // Not here, inside the core that is to be destroyed.
    again(after: 1)
  }
}

private func server(_ data: UnsafeMutableRawPointer?) -> Server? {
  // SAFETY: the hook is removed before the server goes.
  unsafe data.map { unsafe Unmanaged<Server>.fromOpaque($0).takeUnretainedValue() }
}

private nonisolated(unsafe) let coreEvents: UnsafePointer<pw_core_events> = {
  var events = pw_core_events()
  events.version = UInt32(PW_VERSION_CORE_EVENTS)
  unsafe events.info = { data, _ in unsafe server(data)?.told() }
  unsafe events.done = { data, object, number in
    if object == 0 { unsafe server(data)?.done(number) }
  }
  unsafe events.error = { data, object, _, code, _ in unsafe server(data)?.failed(object, code) }
  let table = UnsafeMutablePointer<pw_core_events>.allocate(capacity: 1)
  unsafe table.initialize(to: events)
  return unsafe UnsafePointer(table)
}()
