// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI

/// The calls of a backend, with those that it must have known to be there.
@safe
struct PluginCalls {
  typealias Start = @convention(c) (OpaquePointer, OpaquePointer) -> Int32
  typealias Finish = @convention(c) (OpaquePointer) -> Void

  let create:
    @convention(c) (
      UnsafePointer<vsnd_host_t>, UnsafeMutablePointer<OpaquePointer?>, OpaquePointer
    ) -> Int32
  let setOption:
    (@convention(c) (OpaquePointer, UnsafePointer<CChar>, UnsafePointer<CChar>, OpaquePointer) -> Int32)?
  let prepare: Start?
  let query:
    @convention(c) (
      OpaquePointer, UnsafePointer<CChar>?, UInt32, UnsafeMutablePointer<vsnd_caps_t>, OpaquePointer
    ) -> Int32
  let open:
    @convention(c) (
      OpaquePointer, UnsafePointer<vsnd_params_t>, OpaquePointer, UnsafeMutablePointer<OpaquePointer?>,
      UnsafeMutablePointer<vsnd_stream_info_t>, OpaquePointer
    ) -> Int32
  let start: Start
  let process: (@convention(c) (OpaquePointer, UnsafePointer<vsnd_tick_t>) -> Void)?
  let stop: @convention(c) (OpaquePointer, UInt32) -> Void
  let close: Finish
  let destroy: Finish
  let ext: (@convention(c) (OpaquePointer, UnsafePointer<CChar>) -> UnsafeRawPointer?)?

  /// Checks that every required call is there.
  ///
  /// - Throws: the name of the first one that is missing.
  init(_ ops: vsnd_backend_ops_t, capabilities: UInt64) throws(MissingCall) {
    guard let create = unsafe ops.create else { throw MissingCall(name: "create") }
    guard let query = unsafe ops.query else { throw MissingCall(name: "query") }
    guard let open = unsafe ops.open else { throw MissingCall(name: "open") }
    guard let start = unsafe ops.start else { throw MissingCall(name: "start") }
    guard let stop = unsafe ops.stop else { throw MissingCall(name: "stop") }
    guard let close = unsafe ops.close else { throw MissingCall(name: "close") }
    guard let destroy = unsafe ops.destroy else { throw MissingCall(name: "destroy") }
    unsafe process = unsafe ops.process
    let ownThread = capabilities & UInt64(VSND_CAP_OWN_THREAD) != 0
    guard unsafe ops.process != nil || ownThread else { throw MissingCall(name: "process") }
    unsafe self.create = unsafe create
    unsafe self.query = unsafe query
    unsafe self.open = unsafe open
    unsafe self.start = unsafe start
    unsafe self.stop = unsafe stop
    unsafe self.close = unsafe close
    unsafe self.destroy = unsafe destroy
    unsafe setOption = unsafe ops.set_option
    unsafe prepare = unsafe ops.prepare
    unsafe ext = unsafe ops.extension
  }
}

struct MissingCall: Error {
  let name: String
}
