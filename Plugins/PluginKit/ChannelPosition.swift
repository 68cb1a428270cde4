// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Where the loudspeaker of a channel stands, with the numbers of the virtio sound device
/// (virtio_snd.h, VIRTIO_SND_CHMAP_*).
public enum ChannelPosition: UInt8, Sendable {
  case none = 0
  case unknown, mono
  case frontLeft, frontRight, rearLeft, rearRight, frontCenter, lowFrequency, sideLeft, sideRight
  case rearCenter, frontLeftCenter, frontRightCenter, rearLeftCenter, rearRightCenter
  case frontLeftWide, frontRightWide, frontLeftHigh, frontCenterHigh, frontRightHigh
  case topCenter, topFrontLeft, topFrontRight, topFrontCenter, topRearLeft, topRearRight, topRearCenter
  case topFrontLeftCenter, topFrontRightCenter, topSideLeft, topSideRight
  case leftLowFrequency, rightLowFrequency, bottomCenter, bottomLeftCenter, bottomRightCenter

  /// The short name that ALSA uses too, such as FL.
  public var name: StaticString {
    switch self {
    case .none: "NONE"
    case .unknown: "NA"
    case .mono: "MONO"
    case .frontLeft: "FL"
    case .frontRight: "FR"
    case .rearLeft: "RL"
    case .rearRight: "RR"
    case .frontCenter: "FC"
    case .lowFrequency: "LFE"
    case .sideLeft: "SL"
    case .sideRight: "SR"
    case .rearCenter: "RC"
    case .frontLeftCenter: "FLC"
    case .frontRightCenter: "FRC"
    case .rearLeftCenter: "RLC"
    case .rearRightCenter: "RRC"
    case .frontLeftWide: "FLW"
    case .frontRightWide: "FRW"
    case .frontLeftHigh: "FLH"
    case .frontCenterHigh: "FCH"
    case .frontRightHigh: "FRH"
    case .topCenter: "TC"
    case .topFrontLeft: "TFL"
    case .topFrontRight: "TFR"
    case .topFrontCenter: "TFC"
    case .topRearLeft: "TRL"
    case .topRearRight: "TRR"
    case .topRearCenter: "TRC"
    case .topFrontLeftCenter: "TFLC"
    case .topFrontRightCenter: "TFRC"
    case .topSideLeft: "TSL"
    case .topSideRight: "TSR"
    case .leftLowFrequency: "LLFE"
    case .rightLowFrequency: "RLFE"
    case .bottomCenter: "BC"
    case .bottomLeftCenter: "BLC"
    case .bottomRightCenter: "BRC"
    }
  }
}
