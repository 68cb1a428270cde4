// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A frame rate by its virtio number (VS-066); the numbers are not in the order of the rates.
package enum SampleRate: UInt8, CaseIterable, Sendable {
  case hz5512, hz8000, hz11025, hz16000, hz22050, hz32000, hz44100, hz48000, hz64000, hz88200, hz96000
  case hz176400, hz192000, hz384000, hz12000, hz24000

  /// Frames in a second.
  package var hertz: UInt32 { Self.all[Int(rawValue)] }

  /// Its bit in the masks of the guest and of backends.
  package var bit: UInt64 { 1 << UInt64(rawValue) }

  /// The rate of exactly `hertz` frames in a second.
  package init?(hertz: UInt32) {
    guard let found = Self.allCases.first(where: { $0.hertz == hertz }) else { return nil }
    self = found
  }

  /// All rates that virtio can name.
  package static let everything: UInt64 = allCases.reduce(0) { $0 | $1.bit }

  /// The rates that every Linux guest knows: a stream with none of them fails its whole probe (VS-066).
  package static let knownToLinux: UInt64 = everything & ~(hz384000.bit | hz12000.bit | hz24000.bit)

  /// The rates in `mask`, from low to high, joined by `+`.
  package static func names(in mask: UInt64) -> String {
    allCases.filter { mask & $0.bit != 0 }.map(\.hertz).sorted().map { "\($0)" }.joined(separator: "+")
  }

  private static let all: [UInt32] = [
    5512, 8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000, 176_400, 192_000,
    384_000, 12_000, 24_000,
  ]
}
