// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit

/// All configurations that a PCM still has to choose from.
@safe
struct Hardware: ~Copyable {
  let pcm: OpaquePointer
  let space: OpaquePointer

  /// Everything that the PCM can do.
  ///
  /// - Parameter resample: also rates that libasound converts.
  @unsafe
  static func of(_ pcm: OpaquePointer, resample: Bool) throws(BackendError) -> Hardware {
    var space: OpaquePointer?
    _ = unsafe snd_pcm_hw_params_malloc(&space)
    guard let space = unsafe space else { throw BackendError(VSND_E_NOMEM, "no memory for the device") }
    let hardware = unsafe Hardware(pcm: pcm, space: space)
    let code = unsafe snd_pcm_hw_params_any(pcm, space)
    guard code >= 0 else { throw failure(code, "the device has no configuration to choose from") }
    _ = unsafe snd_pcm_hw_params_set_rate_resample(pcm, space, resample ? 1 : 0)
    return hardware
  }

  private init(pcm: OpaquePointer, space: OpaquePointer) {
    unsafe self.pcm = pcm
    unsafe self.space = space
  }

  deinit { unsafe snd_pcm_hw_params_free(space) }

  /// What is offered for a device that cannot be asked.
  static var modest: Capabilities {
    var rates: UInt64 = 0
    for hertz in [UInt32(44_100), 48_000] {
      if let code = Rate.code(of: hertz) { rates |= 1 << UInt64(code) }
    }
    return Capabilities(formats: SampleFormat.s16.bit, rates: rates, channels: 1...2)
  }

  /// What of it a virtio sound device can express.
  func capabilities(_ name: Text) throws(BackendError) -> Capabilities {
    var formats: UInt64 = 0
    for code in UInt32(0)..<25 {
      guard let format = SampleFormat(rawValue: code), let native = alsaFormat(format) else { continue }
      if unsafe snd_pcm_hw_params_test_format(pcm, space, native) == 0 { formats |= format.bit }
    }
    var rates: UInt64 = 0
    for code in UInt32(0)..<16 {
      guard let hertz = Rate.hertz(of: code) else { continue }
      if unsafe snd_pcm_hw_params_test_rate(pcm, space, hertz, 0) == 0 { rates |= 1 << UInt64(code) }
    }
    var least: UInt32 = 0
    var most: UInt32 = 0
    _ = unsafe snd_pcm_hw_params_get_channels_min(space, &least)
    _ = unsafe snd_pcm_hw_params_get_channels_max(space, &most)
    least = max(1, least)
    most = min(most, VSND_CHANNELS_MAX)
    guard formats != 0, rates != 0, least <= most else {
      throw BackendError(VSND_E_UNSUPPORTED, "\(name) can do nothing that a virtio sound device can express")
    }
    var result = Capabilities(formats: formats, rates: rates, channels: least...most)
    addLimits(to: &result)
    result.map = map(of: Int(most))
    return result
  }

  private func addLimits(to result: inout Capabilities) {
    var frames: snd_pcm_uframes_t = 0
    var direction: Int32 = 0
    if unsafe snd_pcm_hw_params_get_period_size_min(space, &frames, &direction) >= 0 {
      result.periodMin = UInt32(clamping: frames)
    }
    if unsafe snd_pcm_hw_params_get_period_size_max(space, &frames, &direction) >= 0 {
      result.periodMax = UInt32(clamping: frames)
    }
    if unsafe snd_pcm_hw_params_get_buffer_size_min(space, &frames) >= 0 {
      result.bufferMin = UInt32(clamping: frames)
    }
    if unsafe snd_pcm_hw_params_get_buffer_size_max(space, &frames) >= 0 {
      result.bufferMax = UInt32(clamping: frames)
    }
  }

  /// Where the loudspeakers of `channels` channels stand, as the driver has it; empty if it does not say.
  private func map(of channels: Int) -> [ChannelPosition] {
    guard let list = unsafe snd_pcm_query_chmaps(pcm) else { return [] }
    defer { unsafe snd_pcm_free_chmaps(list) }
    var index = 0
    while let query = unsafe list[index] {
      index += 1
      guard unsafe vsnd_alsa_chmap_channels(query) == channels else { continue }
      var map: [ChannelPosition] = []
      for channel in 0..<channels {
        // The numbers of ALSA are those of virtio, but for 0: unknown there, none here.
        let number = unsafe vsnd_alsa_chmap_position(query, UInt32(channel))
        map.append(ChannelPosition(rawValue: UInt8(clamping: max(1, number))) ?? .unknown)
      }
      return map
    }
    return []
  }
}
