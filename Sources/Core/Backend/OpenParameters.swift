// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Sound

/// What open() is asked for: exactly these, or it fails.
package struct OpenParameters: Equatable, Sendable {
  package var direction: StreamDirection
  /// The number of the stream on the card.
  package var index: UInt32
  package var format: SampleFormat
  package var rate: SampleRate
  package var channels: UInt8
  /// Frames in a period of the guest.
  package var periodFrames: UInt32
  /// Frames in the buffer of the guest.
  package var bufferFrames: UInt32
  /// A position (VS-156) for each channel.
  package var map: [UInt8]
  /// nil for the default device.
  package var device: String?
  /// For the mixer of the host.
  package var label: String

  package init(
    direction: StreamDirection, index: UInt32, format: SampleFormat, rate: SampleRate, channels: UInt8,
    periodFrames: UInt32, bufferFrames: UInt32, map: [UInt8], device: String? = nil, label: String
  ) {
    self.direction = direction
    self.index = index
    self.format = format
    self.rate = rate
    self.channels = channels
    self.periodFrames = periodFrames
    self.bufferFrames = bufferFrames
    self.map = map
    self.device = device
    self.label = label
  }

  /// Bytes of one frame (VS-065).
  package var frameBytes: UInt32 { UInt32(channels) * format.containerBytes }
}
