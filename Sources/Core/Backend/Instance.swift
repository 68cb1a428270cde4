// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import PluginABI
package import Sound

/// One instance of a backend, whose calls may wait for a sound server.
///
/// Threads: one call at a time, unless the backend is `.parallel`: then one at a time for each stream. Whoever
/// holds it sees to that; the daemon does with opener threads.
@safe
package final class Instance: @unchecked Sendable {
  package let plugin: Plugin
  private let handle: OpaquePointer
  private var calls: PluginCalls { plugin.calls }

  /// Calls create().
  package init(of plugin: Plugin) throws(BackendError) {
    self.plugin = plugin
    let (create, table) = unsafe (plugin.calls.create, plugin.host.table)
    var created: OpaquePointer?
    try unsafe Self.check { error in unsafe create(table, &created, error) }
    guard let handle = unsafe created else {
      throw BackendError(code: VSND_E_IO, text: "create() reported success and gave no instance")
    }
    unsafe self.handle = handle
  }

  /// Lets `listener`, which must not wait, hear of events on threads of the backend; nil ends that.
  package func listen(_ listener: (@Sendable (BackendEvent) -> Void)?) {
    unsafe plugin.host.context.listen(to: UInt(bitPattern: handle), listener)
  }

  /// Sets an option that was checked before.
  package func set(_ option: OptionSetting) throws(BackendError) {
    guard let set = unsafe calls.setOption else {
      throw BackendError(code: VSND_E_UNSUPPORTED, text: "the backend takes no options")
    }
    try unsafe Self.check { error in unsafe set(handle, option.key, option.value, error) }
  }

  /// Connects and starts threads; once, after the options.
  package func prepare() throws(BackendError) {
    guard let prepare = unsafe calls.prepare else { return }
    try unsafe Self.check { error in unsafe prepare(handle, error) }
  }

  /// Asks what a device can do.
  ///
  /// - Parameter device: an id of devices(_:), nil for the default device.
  package func query(_ direction: StreamDirection, device: String? = nil) throws(BackendError)
    -> DeviceCapabilities
  {
    var caps = unsafe vsnd_caps_t()
    unsafe caps.size = UInt32(MemoryLayout<vsnd_caps_t>.size)
    try unsafe Self.check { error in
      unsafe withCString(device) { id in
        unsafe calls.query(handle, id, UInt32(direction.rawValue), &caps, error)
      }
    }
    return try unsafe DeviceCapabilities(checking: caps)
  }

  /// Opens a device.
  ///
  /// - Parameter feed: stays where it is until PluginStream/close() has returned.
  @unsafe
  package func open(_ parameters: OpenParameters, feed: UnsafeMutablePointer<Feed>) throws(BackendError)
    -> PluginStream
  {
    var info = vsnd_stream_info_t()
    info.size = UInt32(MemoryLayout<vsnd_stream_info_t>.size)
    info.wake_fd = -1
    info.period_frames = parameters.periodFrames
    info.buffer_frames = parameters.bufferFrames
    info.delay_frames = PluginStream.unknownDelay
    var opened: OpaquePointer?
    try unsafe Self.check { error in
      unsafe parameters.withTable { table in
        unsafe calls.open(handle, table, OpaquePointer(feed), &opened, &info, error)
      }
    }
    guard let stream = unsafe opened else {
      throw BackendError(code: VSND_E_IO, text: "open() reported success and gave no stream")
    }
    return unsafe PluginStream(stream, of: plugin, info: info)
  }

  /// The table of an optional family; nil when the backend has none.
  @unsafe
  func table(of family: String) -> UnsafeRawPointer? {
    guard let ext = unsafe calls.ext else { return nil }
    return unsafe ext(handle, family)
  }

  /// Ends the instance, when all its streams are closed; no call may follow.
  package func destroy() {
    listen(nil)
    unsafe calls.destroy(handle)
  }

  /// Makes one call, and an error of its result and of what set_error() said meanwhile.
  @unsafe
  static func check(_ call: (OpaquePointer) -> Int32) throws(BackendError) {
    var record = ErrorRecord()
    let code = unsafe withUnsafeMutablePointer(to: &record) { unsafe call(OpaquePointer($0)) }
    if code != VSND_OK { throw BackendError(code: code, text: record.text, osError: record.osError) }
  }

  /// The address that calls of the families take.
  @unsafe
  var address: OpaquePointer { unsafe handle }
}

/// Lends `text` as a C string, or NULL for nil.
@unsafe
func withCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return unsafe text.withCString { unsafe body($0) }
}
