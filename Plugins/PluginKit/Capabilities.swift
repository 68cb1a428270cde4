// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// What one device can do in one direction.
public struct Capabilities {
  /// Bit n is virtio format n.
  public var formats: UInt64
  /// Bit n is virtio rate n.
  public var rates: UInt64
  public var channels: ClosedRange<UInt32>
  /// Frames; 0 for no limit.
  public var periodMin: UInt32 = 0
  public var periodMax: UInt32 = 0
  public var bufferMin: UInt32 = 0
  public var bufferMax: UInt32 = 0
  /// `channels.upperBound` positions; empty for the usual ones.
  public var map: [ChannelPosition] = []

  public init(formats: UInt64, rates: UInt64, channels: ClosedRange<UInt32>) {
    self.formats = formats
    self.rates = rates
    self.channels = channels
  }

  /// Whatever a virtio sound device can express, and whole frames can carry.
  public static var everything: Capabilities {
    Capabilities(formats: SampleFormat.all, rates: Rate.all, channels: 1...VSND_CHANNELS_MAX)
  }

  /// Refuses what is not offered, and says what it was.
  public func check(_ params: Parameters) throws(BackendError) {
    guard formats & params.format.bit != 0 else {
      throw BackendError(VSND_E_UNSUPPORTED, "format \(params.format.name) is not possible here")
    }
    guard let rate = Rate.code(of: params.rate), rates & (1 << UInt64(rate)) != 0 else {
      throw BackendError(VSND_E_UNSUPPORTED, "a rate of \(params.rate) Hz is not possible here")
    }
    guard channels.contains(params.channels) else {
      throw BackendError(VSND_E_UNSUPPORTED, "\(params.channels) channels are not possible here")
    }
  }

  func table(_ storage: QueriedMap) -> vsnd_caps_t {
    unsafe vsnd_caps_t(
      size: UInt32(MemoryLayout<vsnd_caps_t>.size), reserved: 0, formats: formats, rates: rates,
      channels_min: channels.lowerBound, channels_max: channels.upperBound, period_min: periodMin,
      period_max: periodMax, buffer_min: bufferMin, buffer_max: bufferMax,
      map: map.count == Int(channels.upperBound) ? storage.keep(map) : nil)
  }
}

/// Memory for the channel map of query(), which the daemon reads after the call.
@safe
final class QueriedMap {
  private let positions: UnsafeMutablePointer<UInt8>

  init() {
    unsafe positions = .allocate(capacity: Int(VSND_CHANNELS_MAX))
    unsafe positions.initialize(repeating: 0, count: Int(VSND_CHANNELS_MAX))
  }

  deinit { unsafe positions.deallocate() }

  func keep(_ map: [ChannelPosition]) -> UnsafePointer<UInt8> {
    for index in 0..<min(map.count, Int(VSND_CHANNELS_MAX)) { unsafe positions[index] = map[index].rawValue }
    return unsafe UnsafePointer(positions)
  }
}

/// The rates of a virtio sound device (VS-066); the codes are not in order of frequency.
public enum Rate {
  /// All sixteen.
  public static var all: UInt64 { 0xFFFF }

  /// Hertz, nil for no code.
  public static func hertz(of code: UInt32) -> UInt32? {
    switch code {
    case 0: 5512
    case 1: 8000
    case 2: 11_025
    case 3: 16_000
    case 4: 22_050
    case 5: 32_000
    case 6: 44_100
    case 7: 48_000
    case 8: 64_000
    case 9: 88_200
    case 10: 96_000
    case 11: 176_400
    case 12: 192_000
    case 13: 384_000
    case 14: 12_000
    case 15: 24_000
    default: nil
    }
  }

  /// The code of a rate in hertz, nil if virtio has none.
  public static func code(of hertz: UInt32) -> UInt32? {
    for code in UInt32(0)..<16 where self.hertz(of: code) == hertz { return code }
    return nil
  }
}
