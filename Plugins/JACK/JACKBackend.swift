// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import PluginKit

/// An instance: one client of the graph for all streams, or one for each.
final class JACKBackend: Backend {
  /// The client that asks the graph what it can do, and that all streams use unless each has its own.
  private var shared: Client?
  private var own: [Client] = []
  private let lock = Lock()

  override func prepare() throws(BackendError) {
    let name = options.text("client-name") ?? "vhost-device-sound"
    let client = Client(self, name)
    shared = client
    try client.begin()
  }

  /// Only what needs no conversion of rates; before the first connection, the rate that most graphs have.
  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    let rate = Rate.code(of: shared?.graph.rate ?? 48_000)
    return Capabilities(
      formats: SampleKind.all, rates: rate.map { 1 << UInt64($0) } ?? 0, channels: 1...VSND_CHANNELS_MAX)
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    guard let kind = SampleKind(params.format) else {
      throw BackendError(VSND_E_UNSUPPORTED, "format \(params.format.name) is not possible in JACK")
    }
    guard params.stream < Client.lanes else {
      throw BackendError(VSND_E_UNSUPPORTED, "there is no room for stream \(params.stream)")
    }
    let client = try client(for: params)
    return try JACKStream.open(client, params, kind, feed)
  }

  private func client(for params: Parameters) throws(BackendError) -> Client {
    guard let shared else { throw BackendError(VSND_E_INVALID, "open() came before prepare()") }
    guard options.chosen("clients", "stream") else { return shared }
    let name: Text = "\(options.text("client-name") ?? "vhost-device-sound")-\(params.stream)"
    let found: Client? = lock.locked {
      for client in own where client.name == name { return client }
      return nil
    }
    if let found { return found }
    let client = Client(self, name)
    try client.begin()
    lock.locked { own.append(client) }
    return client
  }

  override var listsDevices: Bool { true }

  override func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {
    guard let shared else { return }
    for group in shared.graph.groups(direction) { emit(group) }
  }

  override func destroy() {
    for client in lock.locked({ own }) { client.end() }
    shared?.end()
    shared = nil
    own = []
  }
}
