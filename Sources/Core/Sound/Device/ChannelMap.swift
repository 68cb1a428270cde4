// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Where the channels of a stream stand, by virtio position (VS-155…158).
package struct ChannelMap: Equatable, Sendable {
  package let nid: UInt32
  package let direction: StreamDirection
  package let positions: [UInt8]

  /// The most positions that one map can carry.
  package static let limit = 18
  private static let highestPosition: UInt8 = 36

  package init(nid: UInt32, direction: StreamDirection, positions: [UInt8]) {
    self.nid = nid
    self.direction = direction
    self.positions = Array(positions.prefix(Self.limit))
  }

  /// Positions by name (VS-156).
  private enum At {
    static let mono: UInt8 = 2
    static let frontLeft: UInt8 = 3, frontRight: UInt8 = 4
    static let rearLeft: UInt8 = 5, rearRight: UInt8 = 6
    static let frontCenter: UInt8 = 7, lowFrequency: UInt8 = 8
    static let sideLeft: UInt8 = 9, sideRight: UInt8 = 10
    static let rearCenter: UInt8 = 11
    static let rest: [UInt8] = [12, 13, 22, 23, 25, 26, 24, 27, 21, 32]
  }

  /// The usual positions of `count` channels: ALSA's for 1, 2, 4, 6 and 8, and what fits between and beyond.
  package static func standard(_ count: Int) -> [UInt8] {
    let quad = [At.frontLeft, At.frontRight, At.rearLeft, At.rearRight]
    let surround = quad + [At.frontCenter, At.lowFrequency]
    switch count {
    case ..<1: return []
    case 1: return [At.mono]
    case 2: return [At.frontLeft, At.frontRight]
    case 3: return [At.frontLeft, At.frontRight, At.frontCenter]
    case 4: return quad
    case 5: return quad + [At.frontCenter]
    case 6: return surround
    case 7: return surround + [At.rearCenter]
    default: return Array((surround + [At.sideLeft, At.sideRight] + At.rest).prefix(count))
    }
  }

  /// The positions of `channels` channels of a stream: the device's own where it says so.
  package static func positions(_ offer: StreamOffer, channels: Int) -> [UInt8] {
    if channels == offer.positions.count, offer.positions.allSatisfy({ $0 <= highestPosition }) {
      return offer.positions
    }
    return standard(channels)
  }

  /// One map for each channel count that a stream offers, none twice (VS-157).
  package static func all(for offers: [StreamOffer]) -> [ChannelMap] {
    var maps: [ChannelMap] = []
    for offer in offers {
      for channels in offer.channels {
        let positions = positions(offer, channels: Int(channels))
        let map = ChannelMap(nid: offer.nid, direction: offer.direction, positions: positions)
        let known = maps.contains {
          $0.nid == map.nid && $0.direction == map.direction && $0.positions.count == map.positions.count
        }
        if !known { maps.append(map) }
      }
    }
    return maps
  }

  /// The item of CHMAP_INFO (VS-155).
  var item: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: LayoutSize.chmapInfo)
    bytes.set(nid, at: 0)
    bytes[4] = direction.rawValue
    bytes[5] = UInt8(positions.count)
    for (index, position) in positions.enumerated() { bytes[6 + index] = position }
    return bytes
  }
}
