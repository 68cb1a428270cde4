// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A sample format by its virtio number (VS-064).
///
/// Samples are little-endian and sit in the low bits.
package enum SampleFormat: UInt8, CaseIterable, Sendable {
  case imaADPCM, muLaw, aLaw
  case s8, u8, s16, u16
  case s18in3, u18in3, s20in3, u20in3, s24in3, u24in3
  case s20, u20, s24, u24, s32, u32
  case float, float64
  case dsdU8, dsdU16, dsdU32
  case iec958Subframe

  /// The name in the virtio specification, as the command line takes it.
  package var name: String { Self.facts[Int(rawValue)].name }

  /// Bits that carry sound.
  package var validBits: UInt32 { Self.facts[Int(rawValue)].valid }

  /// Bits that one sample takes in memory.
  package var containerBits: UInt32 { Self.facts[Int(rawValue)].container }

  /// Bytes that one sample takes in memory; 0 for IMA_ADPCM, whose samples share a byte.
  package var containerBytes: UInt32 { containerBits / 8 }

  /// Its bit in the masks of the guest and of backends.
  package var bit: UInt64 { 1 << UInt64(rawValue) }

  /// Finds a format by ``name``, in upper or lower case.
  package init?(name: some StringProtocol) {
    let wanted = name.uppercased()
    guard let found = Self.allCases.first(where: { $0.name == wanted }) else { return nil }
    self = found
  }

  /// The formats that a guest may be offered: all but IMA_ADPCM (VS-065).
  package static let offerable: UInt64 = allCases.reduce(0) { $0 | $1.bit } & ~imaADPCM.bit

  /// The names of the formats in `mask`, in the order of their numbers, joined by `+`.
  package static func names(in mask: UInt64) -> String {
    allCases.filter { mask & $0.bit != 0 }.map(\.name).joined(separator: "+")
  }

  private static let facts: [(name: String, valid: UInt32, container: UInt32)] = [
    ("IMA_ADPCM", 4, 4), ("MU_LAW", 8, 8), ("A_LAW", 8, 8),
    ("S8", 8, 8), ("U8", 8, 8), ("S16", 16, 16), ("U16", 16, 16),
    ("S18_3", 18, 24), ("U18_3", 18, 24), ("S20_3", 20, 24), ("U20_3", 20, 24), ("S24_3", 24, 24),
    ("U24_3", 24, 24),
    ("S20", 20, 32), ("U20", 20, 32), ("S24", 24, 32), ("U24", 24, 32), ("S32", 32, 32), ("U32", 32, 32),
    ("FLOAT", 32, 32), ("FLOAT64", 64, 64),
    ("DSD_U8", 8, 8), ("DSD_U16", 16, 16), ("DSD_U32", 32, 32),
    ("IEC958_SUBFRAME", 32, 32),
  ]
}
