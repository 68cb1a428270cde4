// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import PluginKit

/// An instance: one connection, and the thread of its main loop.
final class PulseBackend: Backend {
  private var server: Server?

  override func prepare() throws(BackendError) {
    let server = Server(self)
    self.server = server
    try server.prepare()
  }

  /// PulseAudio converts rates and channels, so that devices do not limit them.
  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    Capabilities(formats: SampleFormat.inPulse, rates: Rate.all, channels: 1...VSND_CHANNELS_MAX)
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    guard let server else { throw BackendError(VSND_E_INVALID, "open() came before prepare()") }
    try capabilities(params.device, params.direction).check(params)
    return PulseStream.open(server, StreamPlan(params, options), params, feed)
  }

  override var listsDevices: Bool { true }

  override func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {
    guard let server else { return }
    server.settle()
    for device in server.locked({ server.devices.list(direction) }) { emit(device) }
  }

  override func destroy() {
    server?.end()
    server = nil
  }
}
