// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import CPulse
import PluginABI
import PluginKit

/// The connection to PulseAudio, made again whenever it is lost, and the main loop with its thread.
///
/// Everything but ``prepare()`` and ``end()`` happens under the loop's lock, which its thread holds in callbacks. No
/// call waits for the server.
@safe
final class Server {
  let backend: PulseBackend
  let devices: Devices
  private var loop: OpaquePointer?
  private(set) var api: UnsafeMutablePointer<pa_mainloop_api>?
  private var timer: OpaquePointer?
  private var context: OpaquePointer?
  private(set) var isReady = false
  private var streams: [PulseStream] = []
  /// The daemon knows that the server is away.
  private var isAway = false
  private var hasLooked = false

  /// Between two tries to connect, or to offer a stream that was refused; in microseconds.
  private static let pause: UInt64 = 250_000

  init(_ backend: PulseBackend) {
    self.backend = backend
    devices = Devices(backend)
  }

  // MARK: Control threads

  /// Starts the thread and makes the first try to connect.
  func prepare() throws(BackendError) {
    guard let loop = unsafe pa_threaded_mainloop_new() else {
      throw BackendError(VSND_E_NOMEM, "cannot make a PulseAudio main loop")
    }
    unsafe self.loop = loop
    unsafe api = pa_threaded_mainloop_get_api(loop)
    unsafe pa_threaded_mainloop_set_name(loop, "vsnd-pulse")
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe timer = vsnd_pulse_timer(
      api, 0, { _, _, _, data in unsafe server(data)?.look() }, this)
    guard unsafe pa_threaded_mainloop_start(loop) == 0 else {
      throw BackendError(VSND_E_NOMEM, "cannot start a PulseAudio main loop")
    }
    settle()
  }

  func end() {
    guard let loop = unsafe loop else { return }
    locked {
      disconnect()
      if let timer = unsafe timer { unsafe vsnd_pulse_timer_free(api, timer) }
      unsafe timer = nil
    }
    unsafe pa_threaded_mainloop_stop(loop)
    unsafe pa_threaded_mainloop_free(loop)
    unsafe self.loop = nil
  }

  /// Runs `body` while the loop's thread rests.
  func locked<Result>(_ body: () -> Result) -> Result {
    unsafe pa_threaded_mainloop_lock(loop)
    defer { unsafe pa_threaded_mainloop_unlock(loop) }
    return body()
  }

  /// Waits until the devices are known or there is no server, half a second at most.
  func settle() {
    let limit = monotonicNanoseconds() + 500_000_000
    while monotonicNanoseconds() < limit, !locked({ hasLooked && (isAway || devices.isKnown) }) {
      usleep(2000)
    }
  }

  func add(_ stream: PulseStream) {
    locked {
      streams.append(stream)
      if isReady, let context = unsafe context { unsafe stream.attach(to: context) }
    }
  }

  func remove(_ stream: PulseStream) {
    locked {
      stream.detach()
      streams.removeAll { $0 === stream }
    }
  }

  // MARK: The loop's thread

  /// A stream was refused or ended by the server; it is offered again after a while.
  func refused(_ reason: Text) {
    backend.host.log(VSND_LOG_WARNING, reason)
    again()
  }

  private func again() {
    if let timer = unsafe timer { unsafe vsnd_pulse_timer_again(api, timer, Self.pause) }
  }

  /// The timer: connects if there is no connection, and offers what was refused.
  private func look() {
    if let context = unsafe context {
      let state = unsafe pa_context_get_state(context)
      if state == PA_CONTEXT_FAILED || state == PA_CONTEXT_TERMINATED { disconnect() }
    }
    guard let context = unsafe context else { return connect() }
    guard isReady else { return }
    for stream in streams where stream.isRefused {
      stream.detach()
      unsafe stream.attach(to: context)
    }
  }

  private func connect() {
    hasLooked = true
    let name = backend.options.text("app-name") ?? "vhost-device-sound"
    guard let made = unsafe name.withCString({ unsafe pa_context_new(api, $0) }) else { return away() }
    unsafe context = made
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe pa_context_set_state_callback(made, { _, data in unsafe server(data)?.changed() }, this)
    let flags = PA_CONTEXT_NOAUTOSPAWN
    let result =
      if let address = backend.options.text("server") {
        unsafe address.withCString { unsafe pa_context_connect(made, $0, flags, nil) }
      } else { unsafe pa_context_connect(made, nil, flags, nil) }
    if result < 0 { away() }
  }

  /// The context's state_changed callback.
  private func changed() {
    guard let context = unsafe context else { return }
    switch unsafe pa_context_get_state(context) {
    case PA_CONTEXT_READY:
      isReady = true
      unsafe devices.follow(context)
      for stream in streams { unsafe stream.attach(to: context) }
      if isAway {
        backend.host.log(VSND_LOG_INFO, "PulseAudio is there")
        backend.host.notify(VSND_EVENT_RESTORED, backend)
      }
      isAway = false
    case PA_CONTEXT_FAILED, PA_CONTEXT_TERMINATED: away()
    default: break
    }
  }

  /// There is no connection; not inside the context that is to go, hence by the timer.
  private func away() {
    if !isAway {
      let reason =
        unsafe context.map { unsafe Text(cString: pa_strerror(pa_context_errno($0))) } ?? "no memory"
      backend.host.log(VSND_LOG_WARNING, "PulseAudio is not there (\(reason)); trying again and again")
      if isReady { backend.host.notify(VSND_EVENT_LOST, backend) }
    }
    isAway = true
    isReady = false
    for stream in streams { stream.lost() }
    again()
  }

  private func disconnect() {
    guard let old = unsafe context else { return }
    isReady = false
    for stream in streams { stream.detach() }
    devices.forget()
    unsafe pa_context_set_state_callback(old, nil, nil)
    unsafe pa_context_set_subscribe_callback(old, nil, nil)
    unsafe pa_context_disconnect(old)
    unsafe pa_context_unref(old)
    unsafe context = nil
  }
}

private func server(_ data: UnsafeMutableRawPointer?) -> Server? {
  // SAFETY: the callbacks are taken away before the server goes.
  unsafe data.map { unsafe Unmanaged<Server>.fromOpaque($0).takeUnretainedValue() }
}
