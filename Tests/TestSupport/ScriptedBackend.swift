// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend
import Glibc
import Platform
package import PluginABI

/// A backend in memory that does what a test tells it, and remembers what it was asked for.
///
/// It has no clock: as a backend with its own thread, the test is its audio context through
/// ``ScriptedStream/move(_:)``; without, it moves what `process()` says.
package final class ScriptedBackend: @unchecked Sendable {
  /// Calls that can be made to fail or to hang.
  package enum Call: String, Sendable {
    case create, setOption, prepare, query, open, start, process, stop, close, destroy
  }

  struct State {
    var calls: [String] = []
    var failures: [Call: (code: Int32, text: String)] = [:]
    var hanging: Set<Call> = []
    var hung: Set<Call> = []
    var streams: [ScriptedStream] = []
    var devices: [HostDevice] = []
    nonisolated(unsafe) var caps = ScriptedBackend.everything
    var wake: Int32 = -1
    var processed: [UInt32] = []
  }

  let state = Locked(State())
  /// What create() got.
  nonisolated(unsafe) package internal(set) var host: UnsafePointer<vsnd_host_t>?
  /// For changes before the plugin is read.
  nonisolated(unsafe) package let plugin: UnsafeMutablePointer<vsnd_plugin_t>
  nonisolated(unsafe) package let ops: UnsafeMutablePointer<vsnd_backend_ops_t>

  package init(capabilities: PluginCapabilities = [.playback, .capture, .ownThread, .nonblocking, .parallel])
  {
    plugin = .allocate(capacity: 1)
    ops = .allocate(capacity: 1)
    ops.initialize(to: Self.table)
    plugin.initialize(to: vsnd_plugin_t())
    plugin.pointee.size = UInt32(MemoryLayout<vsnd_plugin_t>.size)
    plugin.pointee.name = UnsafePointer(strdup("scripted"))
    plugin.pointee.version = UnsafePointer(strdup("1.2"))
    plugin.pointee.license = UnsafePointer(strdup("Apache-2.0 OR BSD-3-Clause"))
    plugin.pointee.summary = UnsafePointer(strdup("does what a test says"))
    plugin.pointee.capabilities = capabilities.rawValue
    plugin.pointee.ops = UnsafePointer(ops)
  }

  /// Every format, rate and channel count.
  package static var everything: vsnd_caps_t {
    var caps = vsnd_caps_t()
    caps.formats = 0x1FF_FFFE
    caps.rates = 0xFFFF
    caps.channels_min = 1
    caps.channels_max = VSND_CHANNELS_MAX
    return caps
  }

  // MARK: What it is told

  package func answer(_ caps: sending vsnd_caps_t) { state.withLock { $0.caps = caps } }
  package func answer(devices: [HostDevice]) { state.withLock { $0.devices = devices } }
  /// Streams opened from now on have this wake descriptor.
  package func wake(by descriptor: Int32) { state.withLock { $0.wake = descriptor } }
  /// Lets a call fail until ``succeed(in:)``.
  package func fail(in call: Call, code: Int32, text: String = "") {
    state.withLock { $0.failures[call] = (code, text) }
  }
  package func succeed(in call: Call) { state.withLock { $0.failures[call] = nil } }
  /// Lets a call hang until ``letGo(of:)``.
  package func hang(in call: Call) { _ = state.withLock { $0.hanging.insert(call) } }
  package func letGo(of call: Call) { _ = state.withLock { $0.hanging.remove(call) } }

  // MARK: What it saw

  /// Calls so far, such as `open 0` or `stop 0 hold`.
  package var calls: [String] { state.withLock { $0.calls } }
  package func isHung(in call: Call) -> Bool { state.withLock { $0.hung.contains(call) } }
  /// Waits until somebody hangs in `call`.
  package func waitsUntilHung(in call: Call) -> Bool { Self.waits { self.isHung(in: call) } }
  /// The due_frames of each process().
  package var processed: [UInt32] { state.withLock { $0.processed } }
  /// Streams that are open, in the order of their opening.
  package var streams: [ScriptedStream] { state.withLock { $0.streams } }

  /// Waits up to two seconds for something to become true.
  package static func waits(until condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
      if condition() { return true }
      usleep(1000)
    }
    return condition()
  }

  // MARK: Its calls

  func note(_ text: String) { state.withLock { $0.calls.append(text) } }

  /// Hangs or fails as told.
  func act(_ call: Call, _ error: OpaquePointer?) -> Int32 {
    while state.withLock({
      if $0.hanging.contains(call) { $0.hung.insert(call) } else { $0.hung.remove(call) }
      return $0.hanging.contains(call)
    }) {
      usleep(1000)
    }
    guard let failure = state.withLock({ $0.failures[call] }) else { return VSND_OK }
    if let error, !failure.text.isEmpty { host?.pointee.set_error?(error, 0, failure.text) }
    return failure.code
  }
}

/// An open stream of a ``ScriptedBackend``.
package final class ScriptedStream: @unchecked Sendable {
  package let index: UInt32
  package let feed: OpaquePointer
  let backend: ScriptedBackend
  private let running = Locked(false)

  init(_ backend: ScriptedBackend, index: UInt32, feed: OpaquePointer) {
    self.backend = backend
    self.index = index
    self.feed = feed
  }

  package var isRunning: Bool { running.withLock { $0 } }
  /// A barrier: waits for ``move(_:)`` to end.
  func run(_ value: Bool) { running.withLock { $0 = value } }

  /// As audio context: borrows up to `frames` frames and commits what it got; 0 when not running.
  @discardableResult
  package func move(_ frames: UInt32) -> UInt32 {
    running.withLock { running in
      guard running, let host = backend.host else { return 0 }
      var spans = [vsnd_span_t](repeating: vsnd_span_t(), count: 16)
      let count = vsnd_acquire(host, feed, frames, &spans, 16)
      let got = spans.prefix(Int(count)).reduce(0) { $0 + $1.frames }
      var timing = vsnd_timing_t()
      timing.size = UInt32(MemoryLayout<vsnd_timing_t>.size)
      vsnd_commit(host, feed, got, &timing)
      return got
    }
  }

  /// As audio context: reports that the stream cannot go on.
  package func fail(_ code: Int32) {
    guard let host = backend.host else { return }
    vsnd_failed(host, feed, code)
  }
}
