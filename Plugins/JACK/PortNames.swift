// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import PluginKit

/// What the ports of a stream are called, and what they are to be connected to.
struct LanePlan: Equatable {
  let isCapture: Bool
  /// One for each channel.
  let ports: [Text]
  /// A pattern of port names; nil: as the option `connect` says.
  let pattern: Text?
  let rate: UInt32

  init(_ params: Parameters, prefix: Text) {
    isCapture = params.direction == .capture
    ports = PortNames.all(params.positions, prefix: prefix)
    pattern = params.device
    rate = params.rate
  }
}

enum PortNames {
  /// `playback` or `capture`, with the stream's number where the card has several of them.
  ///
  /// The usual card is output 0 and input 1, so these have none.
  static func prefix(_ params: Parameters) -> Text {
    switch params.direction {
    case .playback: params.stream == 0 ? "playback" : "playback\(params.stream)"
    case .capture: params.stream <= 1 ? "capture" : "capture\(params.stream)"
    }
  }

  /// `playback_FL` and so on, after the channel map; channels without a place of their own are numbered from 1.
  static func all(_ positions: [ChannelPosition], prefix: Text) -> [Text] {
    var names: [Text] = []
    for (index, position) in positions.enumerated() {
      let named: Text = "\(prefix)_\(position.name)"
      let isPlace = position != .none && position != .unknown
      names.append(isPlace && !names.contains(named) ? named : "\(prefix)_\(index + 1)")
    }
    return names
  }
}
