// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginABI
import PluginKit

extension SampleFormat {
  /// What PipeWire calls this format, nil where it has none.
  ///
  /// The wider unsigned formats have names there, but its converter does not take them.
  /// Mind the containers: virtio's S24 has four bytes, which is S24_32 here; its S24_3 is S24.
  var pipeWire: spa_audio_format? {
    switch self {
    case .muLaw: SPA_AUDIO_FORMAT_ULAW
    case .aLaw: SPA_AUDIO_FORMAT_ALAW
    case .s8: SPA_AUDIO_FORMAT_S8
    case .u8: SPA_AUDIO_FORMAT_U8
    case .s16: SPA_AUDIO_FORMAT_S16_LE
    case .s24in3: SPA_AUDIO_FORMAT_S24_LE
    case .s24: SPA_AUDIO_FORMAT_S24_32_LE
    case .s32: SPA_AUDIO_FORMAT_S32_LE
    case .float: SPA_AUDIO_FORMAT_F32_LE
    case .float64: SPA_AUDIO_FORMAT_F64_LE
    default: nil
    }
  }
}

extension ChannelPosition {
  /// What PipeWire calls this place; nil where it has none.
  var pipeWire: spa_audio_channel? {
    switch self {
    case .none, .unknown: nil
    case .mono: SPA_AUDIO_CHANNEL_MONO
    case .frontLeft: SPA_AUDIO_CHANNEL_FL
    case .frontRight: SPA_AUDIO_CHANNEL_FR
    case .rearLeft: SPA_AUDIO_CHANNEL_RL
    case .rearRight: SPA_AUDIO_CHANNEL_RR
    case .frontCenter: SPA_AUDIO_CHANNEL_FC
    case .lowFrequency: SPA_AUDIO_CHANNEL_LFE
    case .sideLeft: SPA_AUDIO_CHANNEL_SL
    case .sideRight: SPA_AUDIO_CHANNEL_SR
    case .rearCenter: SPA_AUDIO_CHANNEL_RC
    case .frontLeftCenter: SPA_AUDIO_CHANNEL_FLC
    case .frontRightCenter: SPA_AUDIO_CHANNEL_FRC
    case .rearLeftCenter: SPA_AUDIO_CHANNEL_RLC
    case .rearRightCenter: SPA_AUDIO_CHANNEL_RRC
    case .frontLeftWide: SPA_AUDIO_CHANNEL_FLW
    case .frontRightWide: SPA_AUDIO_CHANNEL_FRW
    case .frontLeftHigh: SPA_AUDIO_CHANNEL_FLH
    case .frontCenterHigh: SPA_AUDIO_CHANNEL_FCH
    case .frontRightHigh: SPA_AUDIO_CHANNEL_FRH
    case .topCenter: SPA_AUDIO_CHANNEL_TC
    case .topFrontLeft: SPA_AUDIO_CHANNEL_TFL
    case .topFrontRight: SPA_AUDIO_CHANNEL_TFR
    case .topFrontCenter: SPA_AUDIO_CHANNEL_TFC
    case .topRearLeft: SPA_AUDIO_CHANNEL_TRL
    case .topRearRight: SPA_AUDIO_CHANNEL_TRR
    case .topRearCenter: SPA_AUDIO_CHANNEL_TRC
    case .topFrontLeftCenter: SPA_AUDIO_CHANNEL_TFLC
    case .topFrontRightCenter: SPA_AUDIO_CHANNEL_TFRC
    case .topSideLeft: SPA_AUDIO_CHANNEL_TSL
    case .topSideRight: SPA_AUDIO_CHANNEL_TSR
    case .leftLowFrequency: SPA_AUDIO_CHANNEL_LLFE
    case .rightLowFrequency: SPA_AUDIO_CHANNEL_RLFE
    case .bottomCenter: SPA_AUDIO_CHANNEL_BC
    case .bottomLeftCenter: SPA_AUDIO_CHANNEL_BLC
    case .bottomRightCenter: SPA_AUDIO_CHANNEL_BRC
    }
  }
}

/// The format of a stream, ready for pw_stream_connect().
struct StreamFormat {
  let format: spa_audio_format
  let rate: UInt32
  /// One SPA channel for each of the guest's; a place that PipeWire does not have is an auxiliary channel.
  let positions: [UInt32]

  init(_ params: Parameters) throws(BackendError) {
    guard let format = params.format.pipeWire else {
      throw BackendError(VSND_E_UNSUPPORTED, "PipeWire has no format \(params.format.name)")
    }
    self.format = format
    rate = params.rate
    var positions: [UInt32] = []
    var aux = SPA_AUDIO_CHANNEL_AUX0.rawValue
    for position in params.positions {
      positions.append(position.pipeWire?.rawValue ?? aux)
      if position.pipeWire == nil { aux += 1 }
    }
    self.positions = positions
  }

  /// Builds the parameter and connects the stream with it, without waiting for the server.
  ///
  /// - Returns: 0, or minus an errno.
  func connect(_ stream: OpaquePointer, _ direction: Direction) -> Int32 {
    unsafe withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { memory in
      unsafe positions.withUnsafeBufferPointer { positions in
        guard let places = positions.baseAddress else { return -EINVAL }
        let format = unsafe vsnd_pw_format(
          memory.baseAddress, UInt32(memory.count), self.format.rawValue, rate, UInt32(positions.count),
          places)
        return unsafe vsnd_pw_stream_connect(stream, direction == .capture ? 1 : 0, format)
      }
    }
  }
}
