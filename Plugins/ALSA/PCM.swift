// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit

/// An open PCM with one owner, in non-blocking mode; closed when the owner goes away.
@safe
struct PCM: ~Copyable {
  let handle: OpaquePointer
  private var isOurs = true

  private init(_ handle: OpaquePointer) { unsafe self.handle = handle }

  /// Opens a PCM by its name.
  static func open(_ name: Text, _ direction: Direction) throws(BackendError) -> PCM {
    var handle: OpaquePointer?
    let stream = direction == .playback ? SND_PCM_STREAM_PLAYBACK : SND_PCM_STREAM_CAPTURE
    let code = unsafe name.withCString { unsafe snd_pcm_open(&handle, $0, stream, Int32(SND_PCM_NONBLOCK)) }
    guard code >= 0, let handle = unsafe handle else {
      let way: StaticString = direction == .playback ? "playback" : "capture"
      throw failure(code, "cannot open \(name) for \(way)")
    }
    return unsafe PCM(handle)
  }

  /// Gives the PCM to someone else, who must close it.
  mutating func release() -> OpaquePointer {
    isOurs = false
    return unsafe handle
  }

  deinit { if isOurs { _ = unsafe snd_pcm_close(handle) } }
}

/// What a negative result of libasound means, while `text` was being done.
func failure(_ result: Int32, _ text: Text) -> BackendError {
  let code = -result
  let kind =
    switch code {
    case ENODEV, ENOENT, ENXIO: VSND_E_GONE
    case EBUSY, EAGAIN: VSND_E_BUSY
    case EACCES, EPERM: VSND_E_DENIED
    case ENOMEM, EMFILE, ENFILE: VSND_E_NOMEM
    case ETIMEDOUT: VSND_E_TIMEOUT
    default: VSND_E_IO
    }
  // Numbers of its own, which the system has no words for, begin there.
  if code >= SND_ERROR_BEGIN {
    return BackendError(kind, unsafe "\(text): \(cString: snd_strerror(result))")
  }
  return BackendError(kind, errno: code, text)
}

/// The format of libasound that is, bit for bit, the one of virtio; nil for none.
///
/// S24 is 24 bits in the low bytes of four, S24_3 three bytes.
func alsaFormat(_ format: SampleFormat) -> snd_pcm_format_t? {
  switch format {
  case .imaADPCM: nil
  case .muLaw: SND_PCM_FORMAT_MU_LAW
  case .aLaw: SND_PCM_FORMAT_A_LAW
  case .s8: SND_PCM_FORMAT_S8
  case .u8: SND_PCM_FORMAT_U8
  case .s16: SND_PCM_FORMAT_S16_LE
  case .u16: SND_PCM_FORMAT_U16_LE
  case .s18in3: SND_PCM_FORMAT_S18_3LE
  case .u18in3: SND_PCM_FORMAT_U18_3LE
  case .s20in3: SND_PCM_FORMAT_S20_3LE
  case .u20in3: SND_PCM_FORMAT_U20_3LE
  case .s24in3: SND_PCM_FORMAT_S24_3LE
  case .u24in3: SND_PCM_FORMAT_U24_3LE
  case .s20: SND_PCM_FORMAT_S20_LE
  case .u20: SND_PCM_FORMAT_U20_LE
  case .s24: SND_PCM_FORMAT_S24_LE
  case .u24: SND_PCM_FORMAT_U24_LE
  case .s32: SND_PCM_FORMAT_S32_LE
  case .u32: SND_PCM_FORMAT_U32_LE
  case .float: SND_PCM_FORMAT_FLOAT_LE
  case .float64: SND_PCM_FORMAT_FLOAT64_LE
  case .dsdU8: SND_PCM_FORMAT_DSD_U8
  case .dsdU16: SND_PCM_FORMAT_DSD_U16_LE
  case .dsdU32: SND_PCM_FORMAT_DSD_U32_LE
  case .iec958: SND_PCM_FORMAT_IEC958_SUBFRAME_LE
  }
}
