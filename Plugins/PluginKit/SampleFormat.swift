// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The sample formats of a virtio sound device (VS-064): little-endian, in the low bits of their container.
public enum SampleFormat: UInt32 {
  case imaADPCM = 0
  case muLaw, aLaw, s8, u8, s16, u16, s18in3, u18in3, s20in3, u20in3, s24in3, u24in3
  case s20, u20, s24, u24, s32, u32, float, float64, dsdU8, dsdU16, dsdU32, iec958

  /// All but IMA_ADPCM, whose samples are no whole bytes (VS-065).
  public static var all: UInt64 { 0x1FF_FFFE }

  /// Bit n is virtio format n.
  public var bit: UInt64 { 1 << UInt64(rawValue) }

  /// Bytes of one sample; 0 for IMA_ADPCM.
  public var sampleBytes: Int {
    switch self {
    case .imaADPCM: 0
    case .muLaw, .aLaw, .s8, .u8, .dsdU8: 1
    case .s16, .u16, .dsdU16: 2
    case .s18in3, .u18in3, .s20in3, .u20in3, .s24in3, .u24in3: 3
    case .s20, .u20, .s24, .u24, .s32, .u32, .float, .dsdU32, .iec958: 4
    case .float64: 8
    }
  }

  /// One silent sample in its low bytes.
  ///
  /// The middle of the range for unsigned numbers, the codes of zero for the two laws, and 0x69 for
  /// DSD, which has as many ones as zeros.
  public var silence: UInt64 {
    switch self {
    case .muLaw: 0xFF
    case .aLaw: 0xD5
    case .u8: 0x80
    case .u16: 0x8000
    case .u18in3: 0x02_0000
    case .u20in3, .u20: 0x08_0000
    case .u24in3, .u24: 0x80_0000
    case .u32: 0x8000_0000
    case .dsdU8: 0x69
    case .dsdU16: 0x6969
    case .dsdU32: 0x6969_6969
    default: 0
    }
  }

  /// As the specification calls it.
  public var name: StaticString {
    switch self {
    case .imaADPCM: "IMA_ADPCM"
    case .muLaw: "MU_LAW"
    case .aLaw: "A_LAW"
    case .s8: "S8"
    case .u8: "U8"
    case .s16: "S16"
    case .u16: "U16"
    case .s18in3: "S18_3"
    case .u18in3: "U18_3"
    case .s20in3: "S20_3"
    case .u20in3: "U20_3"
    case .s24in3: "S24_3"
    case .u24in3: "U24_3"
    case .s20: "S20"
    case .u20: "U20"
    case .s24: "S24"
    case .u24: "U24"
    case .s32: "S32"
    case .u32: "U32"
    case .float: "FLOAT"
    case .float64: "FLOAT64"
    case .dsdU8: "DSD_U8"
    case .dsdU16: "DSD_U16"
    case .dsdU32: "DSD_U32"
    case .iec958: "IEC958_SUBFRAME"
    }
  }
}

/// A silent sample, ready to be written many times.
public struct Silence {
  private let sample: UInt64
  private let bytes: Int
  private let same: Bool

  public init(_ format: SampleFormat) {
    sample = format.silence
    bytes = max(1, format.sampleBytes)
    let first = sample & 0xFF
    var same = true
    for index in 1..<max(2, bytes) where index < bytes {
      if (sample >> UInt64(index * 8)) & 0xFF != first { same = false }
    }
    self.same = same
  }

  /// Silences `count` bytes, whole samples.
  @_noAllocation @_noLocks @unsafe
  public func fill(_ target: UnsafeMutableRawPointer, bytes count: Int) {
    if same {
      let byte = UInt8(truncatingIfNeeded: sample)
      unsafe target.initializeMemory(as: UInt8.self, repeating: byte, count: count)
      return
    }
    var at = 0
    while at &+ bytes <= count {
      var rest = sample
      for _ in 0..<bytes {
        // SAFETY: a whole sample fits before `count`.
        unsafe target.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: at, as: UInt8.self)
        rest >>= 8
        at &+= 1
      }
    }
  }
}
