// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI
internal import Sound

extension DeviceCapabilities {
  /// Takes over what query() filled in, as far as virtio can say it.
  ///
  /// - Throws: BackendError when nothing usable is left.
  @unsafe
  init(checking caps: vsnd_caps_t) throws(BackendError) {
    let formats = unsafe caps.formats & SampleFormat.offerable
    let rates = unsafe caps.rates & SampleRate.everything
    guard formats != 0 else { throw Self.broken("no format that a guest knows") }
    guard rates != 0 else { throw Self.broken("no rate that a guest knows") }
    let most = unsafe min(caps.channels_max, VSND_CHANNELS_MAX)
    let least = unsafe max(caps.channels_min, 1)
    guard least <= most, let range = Self.range(least, most) else {
      throw Self.broken("\(unsafe caps.channels_min) to \(unsafe caps.channels_max) channels")
    }
    var positions: [UInt8] = []
    if let map = unsafe caps.map {
      // SAFETY: the header promises channels_max positions, valid until the next query.
      for index in 0..<Int(most) { positions.append(unsafe map[index]) }
      guard positions.allSatisfy({ $0 <= 36 }) else { throw Self.broken("an unknown channel position") }
    }
    self.init(
      formats: formats, rates: rates, channels: range,
      period: unsafe FrameLimits(least: caps.period_min, most: caps.period_max),
      buffer: unsafe FrameLimits(least: caps.buffer_min, most: caps.buffer_max), positions: positions)
  }

  private static func range(_ least: UInt32, _ most: UInt32) -> ClosedRange<UInt8>? {
    guard let least = UInt8(exactly: least), let most = UInt8(exactly: most) else { return nil }
    return least...most
  }

  private static func broken(_ text: String) -> BackendError {
    BackendError(code: VSND_E_UNSUPPORTED, text: "the backend reports \(text) for the device")
  }
}
