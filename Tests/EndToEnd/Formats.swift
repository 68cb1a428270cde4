// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The sample formats of virtio sound that the Linux driver knows, by ALSA's names.
///
/// IMA_ADPCM is left out, because it has no frames.
enum Formats {
  static let all: [(name: String, bytes: Int)] = [
    ("S8", 1), ("U8", 1), ("MU_LAW", 1), ("A_LAW", 1), ("DSD_U8", 1),
    ("S16_LE", 2), ("U16_LE", 2), ("DSD_U16_LE", 2),
    ("S18_3LE", 3), ("U18_3LE", 3), ("S20_3LE", 3), ("U20_3LE", 3), ("S24_3LE", 3), ("U24_3LE", 3),
    ("S20_LE", 4), ("U20_LE", 4), ("S24_LE", 4), ("U24_LE", 4), ("S32_LE", 4), ("U32_LE", 4),
    ("FLOAT_LE", 4), ("DSD_U32_LE", 4), ("IEC958_SUBFRAME_LE", 4), ("FLOAT64_LE", 8),
  ]
}

/// The rates of virtio sound that the Linux driver knows.
enum Rates {
  static let all = [
    5512, 8000, 11025, 16000, 22050, 32000, 44100, 48000, 64000, 88200, 96000, 176_400, 192_000,
  ]
}
