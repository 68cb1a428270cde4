// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import PluginKit

/// What is known of the graph; a copy that control threads may ask without talking to the server.
struct Graph {
  /// There is a server, and a client in its graph.
  var isThere = false
  /// Frames a second; of the last graph seen, or what most have.
  var rate: UInt32 = 48_000
  /// Frames of a cycle.
  var period: UInt32 = 1024
  var inputs: [Group] = []
  var outputs: [Group] = []

  /// Ports of one client.
  struct Group {
    let client: Text
    var ports: Int
    let isPhysical: Bool
  }

  /// The devices of vsnd.devices/1: what takes sound for playback, what gives it for capture.
  func groups(_ direction: Direction) -> [Device] {
    var devices: [Device] = []
    var hasDefault = false
    for group in direction == .playback ? inputs : outputs {
      let isDefault = group.isPhysical && !hasDefault
      hasDefault = hasDefault || isDefault
      devices.append(
        Device(
          id: "\(group.client):", title: "\(group.client), \(group.ports) ports",
          flags: VSND_DEVICE_PRESENT | (isDefault ? VSND_DEVICE_DEFAULT : 0)))
    }
    return devices
  }

  /// Counts the ports of each client; `names` are `CLIENT:PORT`.
  static func groups(_ names: [Text], physical: [Text], but own: Text) -> [Group] {
    var groups: [Group] = []
    for name in names {
      let bytes = name.utf8
      guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let client = Text(bytes[..<colon])
      if client == own { continue }
      if let index = groups.firstIndex(where: { $0.client == client }) {
        groups[index].ports += 1
      } else {
        groups.append(Group(client: client, ports: 1, isPhysical: physical.contains(name)))
      }
    }
    return groups
  }
}
