// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Which way sound flows, by the virtio number (VS-024).
package enum StreamDirection: UInt8, CaseIterable, Sendable {
  /// Playback: from the guest to the host.
  case output = 0
  /// Capture: from the host to the guest.
  case input = 1
}

/// Bounds of a period or a buffer in frames; 0 stands for no bound.
package struct FrameLimits: Equatable, Sendable {
  package var least: UInt32
  package var most: UInt32

  package init(least: UInt32 = 0, most: UInt32 = 0) {
    self.least = least
    self.most = most
  }

  /// Whether `frames` lies within.
  package func allow(_ frames: UInt32) -> Bool { frames >= least && (most == 0 || frames <= most) }
}

/// What a device of the host can do in one direction, checked: nothing here is outside what virtio can say.
package struct DeviceCapabilities: Equatable, Sendable {
  /// Bit n is virtio format n.
  package var formats: UInt64
  /// Bit n is virtio rate n.
  package var rates: UInt64
  /// Within 1...18.
  package var channels: ClosedRange<UInt8>
  package var period: FrameLimits
  package var buffer: FrameLimits
  /// A virtio channel position (VS-156) for each of `channels.upperBound` channels, or empty for the usual ones.
  package var positions: [UInt8]

  package init(
    formats: UInt64, rates: UInt64, channels: ClosedRange<UInt8>, period: FrameLimits = FrameLimits(),
    buffer: FrameLimits = FrameLimits(), positions: [UInt8] = []
  ) {
    self.formats = formats
    self.rates = rates
    self.channels = channels
    self.period = period
    self.buffer = buffer
    self.positions = positions
  }
}
