// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// A failure that a plugin reported.
struct PluginFailure: Error, Equatable {
  let code: Int32
  let systemError: Int32
  let text: String
}

/// A built backend, loaded through nothing but its C entry.
struct LoadedPlugin: @unchecked Sendable {
  let path: String
  let info: UnsafePointer<vsnd_plugin_t>
  let ops: vsnd_backend_ops_t
  /// The required calls, which are there once a plugin is loaded.
  let calls: Calls

  typealias Failing = @convention(c) (OpaquePointer, OpaquePointer) -> Int32

  struct Calls {
    let create:
      @convention(c) (
        UnsafePointer<vsnd_host_t>, UnsafeMutablePointer<OpaquePointer?>, OpaquePointer
      ) -> Int32
    let setOption:
      @convention(c) (
        OpaquePointer, UnsafePointer<CChar>, UnsafePointer<CChar>, OpaquePointer
      ) -> Int32
    let prepare: Failing
    let query:
      @convention(c) (
        OpaquePointer, UnsafePointer<CChar>?, UInt32, UnsafeMutablePointer<vsnd_caps_t>, OpaquePointer
      ) -> Int32
    let open:
      @convention(c) (
        OpaquePointer, UnsafePointer<vsnd_params_t>, OpaquePointer, UnsafeMutablePointer<OpaquePointer?>,
        UnsafeMutablePointer<vsnd_stream_info_t>, OpaquePointer
      ) -> Int32
    let start: Failing
    let process: @convention(c) (OpaquePointer, UnsafePointer<vsnd_tick_t>) -> Void
    let stop: @convention(c) (OpaquePointer, UInt32) -> Void
    let close: @convention(c) (OpaquePointer) -> Void
    let destroy: @convention(c) (OpaquePointer) -> Void
  }

  init(_ name: String) throws {
    path = Self.buildFolder + "/libvsnd-backend-\(name).so"
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
      let reason = dlerror().map { String(cString: $0) } ?? path
      throw Missing(text: "\(reason); run `swift build` first")
    }
    guard let symbol = dlsym(library, VSND_ENTRY_NAME) else { throw Missing(text: "\(path) has no entry") }
    typealias Entry = @convention(c) () -> UnsafePointer<vsnd_plugin_t>?
    guard let info = unsafeBitCast(symbol, to: Entry.self)(), let ops = info.pointee.ops else {
      throw Missing(text: "\(path) has no tables")
    }
    self.info = info
    self.ops = ops.pointee
    guard let create = self.ops.create, let setOption = self.ops.set_option, let prepare = self.ops.prepare,
      let query = self.ops.query, let open = self.ops.open, let start = self.ops.start,
      let process = self.ops.process, let stop = self.ops.stop, let close = self.ops.close,
      let destroy = self.ops.destroy
    else { throw Missing(text: "\(path) lacks calls") }
    calls = Calls(
      create: create, setOption: setOption, prepare: prepare, query: query, open: open, start: start,
      process: process, stop: stop, close: close, destroy: destroy)
  }

  struct Missing: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
  }

  /// Where the running test program lies, and the backends beside it.
  static var buildFolder: String {
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (program as NSString).deletingLastPathComponent
  }

  /// Makes an instance, sets its options and prepares it.
  func instance(_ options: KeyValuePairs<String, String> = [:], host: FakeHost = FakeHost()) throws
    -> Instance
  {
    let instance = try Instance(self, host)
    for (key, value) in options { try instance.set(key, value) }
    try check { calls.prepare(instance.handle, $0) }
    return instance
  }
}

/// What must be there.
func present<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw LoadedPlugin.Missing(text: "a call said OK and gave nothing") }
  return value
}

/// Runs a call; a code below zero is thrown with the words that came with it.
func check(_ call: (OpaquePointer) -> Int32) throws {
  let sink = ErrorSink()
  let code = withExtendedLifetime(sink) { call(sink.handle) }
  guard code == VSND_OK else {
    throw PluginFailure(code: code, systemError: sink.systemError, text: sink.text)
  }
}

/// One instance; destroyed with the object.
final class Instance: @unchecked Sendable {
  let plugin: LoadedPlugin
  let host: FakeHost
  let handle: OpaquePointer

  init(_ plugin: LoadedPlugin, _ host: FakeHost) throws {
    self.plugin = plugin
    self.host = host
    var handle: OpaquePointer?
    try check { plugin.calls.create(host.table, &handle, $0) }
    self.handle = try present(handle)
  }

  deinit { plugin.calls.destroy(handle) }

  func set(_ key: String, _ value: String) throws {
    try check { plugin.calls.setOption(handle, key, value, $0) }
  }

  func query(_ direction: UInt32, device: String? = nil) throws -> vsnd_caps_t {
    var caps = vsnd_caps_t()
    caps.size = UInt32(MemoryLayout<vsnd_caps_t>.size)
    try check { plugin.calls.query(handle, device, direction, &caps, $0) }
    return caps
  }

  func open(_ shape: Shape, _ feed: FakeFeed) throws -> OpenStream { try OpenStream(self, shape, feed) }
}

/// What a stream is opened with.
struct Shape {
  var direction: UInt32 = VSND_PLAYBACK
  var stream: UInt32 = 0
  var format: UInt32 = 5
  var rate: UInt32 = 48_000
  var channels: UInt32 = 2
  var period: UInt32 = 480
  /// Frames of the buffer; nil: four periods.
  var buffer: UInt32?
  var map: [UInt8] = [3, 4, 7, 8, 5, 6, 12, 13, 11, 9, 10, 21, 22, 24, 23, 25, 27, 26]
  var device: String?

  /// Bytes of a sample by format, as VS-064 has them.
  static let sampleBytes = [
    0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 8, 1, 2, 4, 4,
  ]

  var bufferFrames: UInt32 { buffer ?? period * 4 }
  var frameBytes: Int { Self.sampleBytes[Int(format)] * Int(channels) }
}

/// An open stream; closed with the object.
final class OpenStream: @unchecked Sendable {
  let instance: Instance
  let feed: FakeFeed
  let handle: OpaquePointer
  private(set) var info = vsnd_stream_info_t()

  init(_ instance: Instance, _ shape: Shape, _ feed: FakeFeed) throws {
    self.instance = instance
    self.feed = feed
    var handle: OpaquePointer?
    var info = vsnd_stream_info_t(
      size: UInt32(MemoryLayout<vsnd_stream_info_t>.size), wake_fd: -1, period_frames: shape.period,
      buffer_frames: shape.bufferFrames, delay_frames: Int64.min)
    try shape.map.withUnsafeBufferPointer { map in
      try "test".withCString { label in
        let device = shape.device.map { strdup($0) }
        defer { free(device ?? nil) }
        var params = vsnd_params_t(
          size: UInt32(MemoryLayout<vsnd_params_t>.size), direction: shape.direction,
          stream_index: shape.stream, format: shape.format, rate_hz: shape.rate, channels: shape.channels,
          frame_bytes: UInt32(shape.frameBytes), period_frames: shape.period,
          buffer_frames: shape.bufferFrames, flags: 0, map: try present(map.baseAddress),
          device_id: UnsafePointer(device ?? nil), label: label)
        try check { instance.plugin.calls.open(instance.handle, &params, feed.handle, &handle, &info, $0) }
      }
    }
    self.handle = try present(handle)
    self.info = info
  }

  deinit { instance.plugin.calls.close(handle) }

  func start() throws { try check { instance.plugin.calls.start(handle, $0) } }

  func stop(_ how: UInt32 = VSND_STOP_DRAIN) { instance.plugin.calls.stop(handle, how) }

  /// Ends it as Linux does after the last frame: with a pause, and then the end.
  func end() {
    stop(VSND_STOP_HOLD)
    usleep(20_000)
    stop(VSND_STOP_DRAIN)
  }

  func process(due: Int) {
    var tick = vsnd_tick_t(
      size: UInt32(MemoryLayout<vsnd_tick_t>.size), due_frames: UInt32(due),
      now_ns: DispatchTime.now().uptimeNanoseconds)
    instance.plugin.calls.process(handle, &tick)
  }

  /// Starts, lets all that is ready flow in steps of `step` frames, and drains.
  func run(step: Int = 480) throws {
    try start()
    while feed.ready > 0, feed.failures.isEmpty { process(due: step) }
    stop()
  }
}
