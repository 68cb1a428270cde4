// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What the card is: constant for the life of the daemon (VS-010, VS-046).
package struct CardDescription: Sendable {
  package let offers: [StreamOffer]
  package let maps: [ChannelMap]

  package init(offers: [StreamOffer]) {
    self.offers = offers
    maps = ChannelMap.all(for: offers)
  }

  /// The configuration space: jacks, streams, channel maps, controls (VS-007, VS-008).
  package var configuration: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 16)
    bytes.set(UInt32(offers.count), at: 4)
    bytes.set(UInt32(maps.count), at: 8)
    return bytes
  }
}

extension StreamOffer {
  /// The item of PCM_INFO (VS-060): what the stream can do, whatever was negotiated last.
  var item: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: LayoutSize.pcmInfo)
    bytes.set(nid, at: 0)
    bytes.set(StreamFeatures.offered.rawValue, at: 4)
    bytes.set(formats, at: 8)
    bytes.set(rates, at: 16)
    bytes[24] = direction.rawValue
    bytes[25] = channels.lowerBound
    bytes[26] = channels.upperBound
    return bytes
  }
}

extension SampleFormat {
  /// The bytes of one silent sample (VS-064): zero, or the middle of the range of an unsigned format.
  package var silence: [UInt8] {
    let size = Int(containerBytes)
    let middle: UInt32
    switch self {
    case .muLaw: return [0xFF]
    case .aLaw: return [0xD5]
    case .dsdU8, .dsdU16, .dsdU32: return [UInt8](repeating: 0x69, count: size)
    case .u8, .u16, .u18in3, .u20in3, .u24in3, .u20, .u24, .u32: middle = 1 << (validBits - 1)
    default: return [UInt8](repeating: 0, count: max(1, size))
    }
    return (0..<size).map { UInt8(truncatingIfNeeded: middle >> (8 * UInt32($0))) }
  }
}
