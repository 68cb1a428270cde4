// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import PluginKit

/// An instance: one connection, with one thread for it and PipeWire's own for the audio.
final class PipeWireBackend: Backend {
  private var server: Server?

  override func prepare() throws(BackendError) {
    let server = Server(self, remote: options.text("remote"))
    self.server = server
    try server.prepare()
  }

  /// PipeWire converts rates and channels, so that devices do not limit them.
  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    var formats: UInt64 = 0
    for code in UInt32(0)..<64 {
      if let format = SampleFormat(rawValue: code), format.pipeWire != nil { formats |= format.bit }
    }
    return Capabilities(formats: formats, rates: Rate.all, channels: 1...VSND_CHANNELS_MAX)
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    guard let server else { throw BackendError(VSND_E_INVALID, "open() came before prepare()") }
    try capabilities(params.device, params.direction).check(params)
    return try PipeWireStream.open(server, params, StreamNames(params, options), feed)
  }

  override var listsDevices: Bool { true }

  override func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {
    guard let server else { return }
    server.settle()
    server.locked { server.devices.list(direction, emit) }
  }

  override func destroy() {
    server?.end()
    server = nil
  }
}
