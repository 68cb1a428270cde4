// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPulse
import PluginABI
import PluginKit

extension SampleFormat {
  /// The format of the same samples in PulseAudio, nil if it has none.
  var pulse: pa_sample_format_t? {
    switch self {
    case .u8: PA_SAMPLE_U8
    case .aLaw: PA_SAMPLE_ALAW
    case .muLaw: PA_SAMPLE_ULAW
    case .s16: PA_SAMPLE_S16LE
    case .float: PA_SAMPLE_FLOAT32LE
    case .s32: PA_SAMPLE_S32LE
    case .s24in3: PA_SAMPLE_S24LE
    case .s24: PA_SAMPLE_S24_32LE
    default: nil
    }
  }

  /// Bits of those that PulseAudio has.
  static var inPulse: UInt64 {
    var bits: UInt64 = 0
    for code in UInt32(0)..<64 {
      if let format = SampleFormat(rawValue: code), format.pulse != nil { bits |= format.bit }
    }
    return bits
  }
}

/// What a stream asks of the server, whichever comes.
struct StreamPlan {
  let spec: pa_sample_spec
  let map: pa_channel_map
  let isCapture: Bool
  let label: Text
  let device: Text?
  let role: Text?
  let isMovable: Bool
  /// Frames that the server is to keep, and to ask for at once.
  let target: Int
  let request: Int
  /// The most that is taken from the guest at once: a period less than its buffer, because a guest whose whole
  /// buffer completes at once sees no progress.
  let burst: Int
  let frameBytes: Int

  init(_ params: Parameters, _ options: Options) {
    spec = pa_sample_spec(
      format: params.format.pulse ?? PA_SAMPLE_INVALID, rate: params.rate, channels: UInt8(params.channels))
    map = Self.channelMap(params.positions)
    isCapture = params.direction == .capture
    label = params.label
    device = params.device ?? options.text("device")
    role = options.text("media-role")
    isMovable = options.bool("follow-default")
    frameBytes = params.frameBytes
    request = max(1, Int(params.periodFrames))
    burst = max(request, Int(params.bufferFrames) - request)
    if let asked = options.duration("latency") {
      target = max(request, Int(min(asked, 10_000_000_000) * UInt64(params.rate) / 1_000_000_000))
    } else {
      target = max(2 * request, burst)
    }
  }

  /// The stream's own map; channels without a place of their own are auxiliary.
  private static func channelMap(_ positions: [ChannelPosition]) -> pa_channel_map {
    var map = pa_channel_map()
    map.channels = UInt8(positions.count)
    var auxiliary = PA_CHANNEL_POSITION_AUX0.rawValue
    var taken: [Int32] = []
    unsafe withUnsafeMutableBytes(of: &map.map) { raw in
      let places = unsafe raw.bindMemory(to: pa_channel_position_t.self)
      for (index, position) in positions.enumerated() {
        if let place = position.pulse, !taken.contains(place.rawValue) {
          unsafe places[index] = place
          taken.append(place.rawValue)
        } else {
          unsafe places[index] = pa_channel_position_t(rawValue: auxiliary)
          auxiliary += 1
        }
      }
    }
    return map
  }

  /// What the server keeps and how it asks; in bytes.
  var attributes: pa_buffer_attr {
    pa_buffer_attr(
      maxlength: .max, tlength: UInt32(clamping: target * frameBytes), prebuf: 0,
      minreq: UInt32(clamping: request * frameBytes), fragsize: UInt32(clamping: request * frameBytes))
  }
}

extension ChannelPosition {
  fileprivate var pulse: pa_channel_position_t? {
    switch self {
    case .mono: PA_CHANNEL_POSITION_MONO
    case .frontLeft: PA_CHANNEL_POSITION_FRONT_LEFT
    case .frontRight: PA_CHANNEL_POSITION_FRONT_RIGHT
    case .frontCenter: PA_CHANNEL_POSITION_FRONT_CENTER
    case .rearCenter: PA_CHANNEL_POSITION_REAR_CENTER
    case .rearLeft: PA_CHANNEL_POSITION_REAR_LEFT
    case .rearRight: PA_CHANNEL_POSITION_REAR_RIGHT
    case .lowFrequency: PA_CHANNEL_POSITION_LFE
    case .frontLeftCenter: PA_CHANNEL_POSITION_FRONT_LEFT_OF_CENTER
    case .frontRightCenter: PA_CHANNEL_POSITION_FRONT_RIGHT_OF_CENTER
    case .sideLeft: PA_CHANNEL_POSITION_SIDE_LEFT
    case .sideRight: PA_CHANNEL_POSITION_SIDE_RIGHT
    case .topCenter: PA_CHANNEL_POSITION_TOP_CENTER
    case .topFrontLeft: PA_CHANNEL_POSITION_TOP_FRONT_LEFT
    case .topFrontRight: PA_CHANNEL_POSITION_TOP_FRONT_RIGHT
    case .topFrontCenter: PA_CHANNEL_POSITION_TOP_FRONT_CENTER
    case .topRearLeft: PA_CHANNEL_POSITION_TOP_REAR_LEFT
    case .topRearRight: PA_CHANNEL_POSITION_TOP_REAR_RIGHT
    case .topRearCenter: PA_CHANNEL_POSITION_TOP_REAR_CENTER
    default: nil
    }
  }
}
