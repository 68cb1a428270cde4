// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginKit

/// What a WAV file says about its samples.
struct WAVShape: Equatable {
  let format: SampleFormat
  let rate: UInt32
  let channels: UInt32
  /// Bits of the loudspeakers in the order of the channels; 0 says nothing about them.
  let mask: UInt32

  /// The formats whose samples stand in a WAV file exactly as in the guest.
  ///
  /// The others are signed where WAV is unsigned or the other way round, justified to the other end of
  /// their container, or unknown to it.
  static var formats: UInt64 {
    SampleFormat.muLaw.bit | SampleFormat.aLaw.bit | SampleFormat.u8.bit | SampleFormat.s16.bit
      | SampleFormat.s24in3.bit | SampleFormat.s32.bit | SampleFormat.float.bit | SampleFormat.float64.bit
  }

  init(_ params: Parameters) {
    format = params.format
    rate = params.rate
    channels = params.channels
    mask = Self.mask(params.map)
  }

  init(format: SampleFormat, rate: UInt32, channels: UInt32) {
    self.format = format
    self.rate = rate
    self.channels = channels
    mask = 0
  }

  /// What a guest may record, if there are files of these shapes.
  static func capabilities(_ shapes: [WAVShape]) -> Capabilities {
    var formats: UInt64 = 0
    var rates: UInt64 = 0
    var least: UInt32 = 18
    var most: UInt32 = 1
    for shape in shapes {
      formats |= shape.format.bit
      rates |= Rate.code(of: shape.rate).map { 1 << UInt64($0) } ?? 0
      least = min(least, shape.channels)
      most = max(most, shape.channels)
    }
    return Capabilities(formats: formats, rates: rates, channels: min(least, most)...most)
  }

  /// In words, as in "S16, 48000 Hz, 2 channels".
  var text: Text {
    let unit: StaticString = channels == 1 ? "channel" : "channels"
    return "\(format.name), \(rate) Hz, \(channels) \(unit)"
  }

  /// WAVE_FORMAT_*: 1 PCM, 3 floating point, 6 A-law, 7 mu-law.
  var tag: UInt16 {
    switch format {
    case .float, .float64: 3
    case .aLaw: 6
    case .muLaw: 7
    default: 1
    }
  }

  /// Whether the loudspeakers need to be said: for more than two channels, or for other ones than usual.
  var isExtensible: Bool { channels > 2 || (mask != 0 && mask != (channels == 1 ? 0x4 : 0x3)) }

  /// The mask for a map of virtio positions; 0 when their order is not that of the mask's bits.
  static func mask(_ map: [UInt8]) -> UInt32 {
    var mask: UInt32 = 0
    for position in map {
      let bit = speaker(position)
      guard bit > mask else { return 0 }
      mask |= bit
    }
    return mask
  }

  /// The bit of one virtio position (VS-156), 0 for one that WAV does not know.
  private static func speaker(_ position: UInt8) -> UInt32 {
    switch position {
    case 3: 0x1  // front left
    case 4: 0x2  // front right
    case 2, 7: 0x4  // mono, front centre
    case 8: 0x8  // low frequencies
    case 5: 0x10  // rear left
    case 6: 0x20  // rear right
    case 12: 0x40  // front left of centre
    case 13: 0x80  // front right of centre
    case 11: 0x100  // rear centre
    case 9: 0x200  // side left
    case 10: 0x400  // side right
    case 21: 0x800  // top centre
    case 22: 0x1000  // top front left
    case 24: 0x2000  // top front centre
    case 23: 0x4000  // top front right
    case 25: 0x8000  // top rear left
    case 27: 0x1_0000  // top rear centre
    case 26: 0x2_0000  // top rear right
    default: 0
    }
  }
}
