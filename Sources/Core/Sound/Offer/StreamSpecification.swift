// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What a user asks for in one `--stream`; the device may narrow it, never widen it.
package struct StreamSpecification: Equatable, Sendable {
  package var direction: StreamDirection
  /// The host's device by the id of `--list-devices`; nil for the default one.
  package var device: String?
  /// How the stream is called in the mixer of the host; nil for a name made of its number.
  package var name: String?
  /// Channel counts within 1...18; nil for all that the device has.
  package var channels: ClosedRange<UInt8>?
  /// Mask of ``SampleRate``; nil for all that the device has.
  package var rates: UInt64?
  /// Mask of ``SampleFormat``; nil for all that the device has.
  package var formats: UInt64?
  /// The function group (VS-044, VS-045): streams with the same number are one PCM device of the guest.
  package var nid: UInt32

  package init(
    _ direction: StreamDirection, device: String? = nil, name: String? = nil,
    channels: ClosedRange<UInt8>? = nil, rates: UInt64? = nil, formats: UInt64? = nil, nid: UInt32 = 0
  ) {
    self.direction = direction
    self.device = device
    self.name = name
    self.channels = channels
    self.rates = rates
    self.formats = formats
    self.nid = nid
  }

  /// What a card has when nothing is said: one output and one input.
  package static let standard = [StreamSpecification(.output), StreamSpecification(.input)]

  /// How many streams one card may have.
  package static let limit = 64
  /// The highest function group that Linux turns into a PCM device (VS-045).
  package static let highestNid: UInt32 = 31
  /// The most channels that a channel map can describe (VS-067).
  package static let mostChannels: UInt8 = 18
}

/// Why the text of a `--stream` is refused, in words for its author.
package struct SpecificationError: Error, Equatable, CustomStringConvertible {
  package let description: String
}
