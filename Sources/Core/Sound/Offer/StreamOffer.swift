// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What one stream of the card offers to the guest: what the user asked for and the device can do.
package struct StreamOffer: Equatable, Sendable {
  package var direction: StreamDirection
  package var nid: UInt32
  package var device: String?
  /// For the mixer of the host.
  package var label: String
  /// Not empty; mask of ``SampleFormat``, without IMA_ADPCM (VS-065).
  package var formats: UInt64
  /// Not empty; mask of ``SampleRate``, with at least one that Linux knows (VS-066).
  package var rates: UInt64
  /// Within 1...18 (VS-067).
  package var channels: ClosedRange<UInt8>
  /// Positions of the device's channels, empty for the usual ones.
  package var positions: [UInt8]

  /// Intersects `specification`, number `index` on the command line, with what its device can do.
  ///
  /// - Throws: ``SpecificationError`` when nothing is left that a guest could use.
  package init(_ specification: StreamSpecification, index: Int, on device: DeviceCapabilities)
    throws(SpecificationError)
  {
    direction = specification.direction
    nid = specification.nid
    self.device = specification.device
    label = specification.name ?? "\(specification.direction) \(index)"
    positions = device.positions
    formats = device.formats & (specification.formats ?? .max) & SampleFormat.offerable
    rates = device.rates & (specification.rates ?? .max) & SampleRate.everything
    let wanted = specification.channels ?? 1...StreamSpecification.mostChannels
    let least = max(wanted.lowerBound, device.channels.lowerBound)
    let most = min(wanted.upperBound, device.channels.upperBound)
    guard least <= most else {
      throw SpecificationError(
        description: "it has \(Self.text(device.channels)) channels, \(Self.text(wanted)) are asked for")
    }
    channels = least...most
    guard formats != 0 else {
      throw SpecificationError(
        description: "it has none of the formats asked for, only \(SampleFormat.names(in: device.formats))")
    }
    guard rates & SampleRate.knownToLinux != 0 else {
      throw SpecificationError(
        description: "none of the rates asked for is usable: it has \(SampleRate.names(in: device.rates)), "
          + "and guests know \(SampleRate.names(in: SampleRate.knownToLinux))")
    }
  }

  private static func text(_ range: ClosedRange<UInt8>) -> String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}
