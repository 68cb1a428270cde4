// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit

/// What the user wants of devices, in frames of one stream.
struct Wishes {
  var period: UInt
  var buffer: UInt
  /// nil: as the buffer turns out.
  let target: UInt?
  let resample: Bool
  let mapped: Bool?

  init(_ options: Options, _ params: Parameters) {
    func frames(_ key: StaticString) -> UInt? {
      options.duration(key).map { UInt(min($0, 60_000_000_000) * UInt64(params.rate) / 1_000_000_000) }
    }
    period = max(1, frames("period-time") ?? UInt(params.periodFrames))
    buffer = max(1, frames("buffer-time") ?? UInt(params.bufferFrames))
    target = frames("start-threshold")
    resample = options.bool("resample")
    mapped = options.chosen("mmap", "auto") ? nil : options.chosen("mmap", "on")
  }
}

/// How a device and its stream fit together; all in frames.
struct Shape {
  let isCapture: Bool
  let format: SampleFormat
  let rate: UInt64
  let channels: Int
  let frameBytes: Int
  /// Of the device.
  let period: Int
  let buffer: Int
  /// Of the guest.
  let guestPeriod: Int
  let guestBuffer: Int
  /// How full the device's buffer is kept while it plays.
  let target: Int
  /// What is moved at a time.
  let chunk: Int
  /// The most that is moved without a pause: a guest takes a whole buffer at once for no progress.
  let burst: Int
  let isMapped: Bool
  let isPlanar: Bool
  /// A card: its calls do not wait, so a loan may last over them.
  let isCard: Bool

  /// Configures a PCM as the guest wants it, or as near as it can.
  @unsafe
  static func agree(_ pcm: OpaquePointer, _ params: Parameters, _ wishes: Wishes, _ name: Text)
    throws(BackendError) -> Shape
  {
    let hardware = try unsafe Hardware.of(pcm, resample: wishes.resample)
    let space = unsafe hardware.space
    guard let format = alsaFormat(params.format),
      unsafe snd_pcm_hw_params_set_format(pcm, space, format) >= 0
    else { throw BackendError(VSND_E_UNSUPPORTED, "\(name) cannot do the format \(params.format.name)") }
    guard unsafe snd_pcm_hw_params_set_channels(pcm, space, params.channels) >= 0 else {
      throw BackendError(VSND_E_UNSUPPORTED, "\(name) cannot do \(params.channels) channels")
    }
    guard unsafe snd_pcm_hw_params_set_rate(pcm, space, params.rate, 0) >= 0 else {
      throw BackendError(VSND_E_UNSUPPORTED, "\(name) cannot do \(params.rate) Hz")
    }
    let isCard = unsafe snd_pcm_type(pcm) == SND_PCM_TYPE_HW
    let access = try unsafe chooseAccess(hardware, wishes.mapped, isCard: isCard, name)
    var period = wishes.period
    var buffer = max(wishes.buffer, 2 * wishes.period)
    var direction: Int32 = 0
    _ = unsafe snd_pcm_hw_params_set_period_size_near(pcm, space, &period, &direction)
    _ = unsafe snd_pcm_hw_params_set_buffer_size_near(pcm, space, &buffer)
    let code = unsafe snd_pcm_hw_params(pcm, space)
    guard code >= 0 else { throw failure(code, "\(name) does not take its configuration") }
    direction = 0
    _ = unsafe snd_pcm_hw_params_get_period_size(space, &period, &direction)
    _ = unsafe snd_pcm_hw_params_get_buffer_size(space, &buffer)
    let shape = Shape(
      params, period: Int(period), buffer: Int(buffer), target: wishes.target.map { Int($0) },
      isMapped: access == SND_PCM_ACCESS_MMAP_INTERLEAVED || access == SND_PCM_ACCESS_MMAP_NONINTERLEAVED,
      isPlanar: access == SND_PCM_ACCESS_RW_NONINTERLEAVED || access == SND_PCM_ACCESS_MMAP_NONINTERLEAVED,
      isCard: isCard)
    try unsafe shape.setSoftware(pcm, name)
    // Most devices have one fixed map, and say so here; the guest was told which.
    unsafe params.map.withUnsafeBufferPointer { map in
      _ = unsafe map.baseAddress.map { unsafe vsnd_alsa_set_chmap(pcm, $0, params.channels) }
    }
    return shape
  }

  private init(
    _ params: Parameters, period: Int, buffer: Int, target: Int?, isMapped: Bool, isPlanar: Bool, isCard: Bool
  ) {
    isCapture = params.direction == .capture
    format = params.format
    rate = UInt64(params.rate)
    channels = Int(params.channels)
    frameBytes = params.frameBytes
    self.buffer = max(1, buffer)
    self.period = max(1, min(period, buffer))
    guestPeriod = max(1, Int(params.periodFrames))
    guestBuffer = max(guestPeriod, Int(params.bufferFrames))
    burst = max(1, guestBuffer > guestPeriod ? guestBuffer - guestPeriod : guestBuffer / 2)
    chunk = min(self.period, burst)
    self.target = min(self.buffer, max(target ?? self.buffer / 2, 2 * self.period, 2 * chunk))
    self.isMapped = isMapped
    self.isPlanar = isPlanar
    self.isCard = isCard
  }

  /// The kinds of access in the order in which they are tried.
  @unsafe
  private static func chooseAccess(
    _ hardware: borrowing Hardware, _ mapped: Bool?, isCard: Bool, _ name: Text
  ) throws(BackendError) -> snd_pcm_access_t {
    let memory = [SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_ACCESS_MMAP_NONINTERLEAVED]
    let calls = [SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_RW_NONINTERLEAVED]
    let order =
      if let mapped { mapped ? memory : calls } else {
        isCard ? [memory[0], calls[0], memory[1], calls[1]] : calls + memory
      }
    for access in order
    where unsafe snd_pcm_hw_params_set_access(hardware.pcm, hardware.space, access) >= 0 { return access }
    throw BackendError(
      VSND_E_UNSUPPORTED, "\(name) offers no access of the kind that mmap= asks for")
  }

  /// The device starts when it is told to, wakes us when a chunk fits, and tells times by CLOCK_MONOTONIC.
  @unsafe
  private func setSoftware(_ pcm: OpaquePointer, _ name: Text) throws(BackendError) {
    var software: OpaquePointer?
    _ = unsafe snd_pcm_sw_params_malloc(&software)
    guard let software = unsafe software else { throw BackendError(VSND_E_NOMEM, "no memory for the device") }
    defer { unsafe snd_pcm_sw_params_free(software) }
    var boundary: snd_pcm_uframes_t = 0
    _ = unsafe snd_pcm_sw_params_current(pcm, software)
    _ = unsafe snd_pcm_sw_params_get_boundary(software, &boundary)
    _ = unsafe snd_pcm_sw_params_set_start_threshold(pcm, software, boundary)
    let wake = isCapture ? chunk : buffer - target + chunk
    _ = unsafe snd_pcm_sw_params_set_avail_min(pcm, software, snd_pcm_uframes_t(wake))
    // What a card has played becomes silence: a late stop plays nothing twice.
    if isCard, !isCapture {
      _ = unsafe snd_pcm_sw_params_set_silence_threshold(pcm, software, 0)
      _ = unsafe snd_pcm_sw_params_set_silence_size(pcm, software, boundary)
    }
    _ = unsafe snd_pcm_sw_params_set_tstamp_mode(pcm, software, SND_PCM_TSTAMP_ENABLE)
    _ = unsafe snd_pcm_sw_params_set_tstamp_type(pcm, software, SND_PCM_TSTAMP_TYPE_MONOTONIC)
    let code = unsafe snd_pcm_sw_params(pcm, software)
    guard code >= 0 else { throw failure(code, "\(name) does not take its software parameters") }
  }
}
