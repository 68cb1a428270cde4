// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

extension WAVShape {
  /// Reads what a WAV file says about itself.
  init(reading path: Path) throws(BackendError) {
    let descriptor = try Disk.openForReading(path)
    self = try WAVFile(descriptor.raw, path).shape
  }
}

extension Disk {
  /// Opens a file that a guest records.
  static func openForReading(_ path: Path) throws(BackendError) -> Descriptor {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let raw = unsafe path.text.withCString { unsafe vsnd_open($0, flags, 0) }
    guard raw >= 0 else { throw failure("cannot read \(path.text)") }
    let descriptor = Descriptor(raw)
    try refuse(kind(of: raw).kind, path)
    return descriptor
  }
}

/// Where the sound of an open WAV file lies, and what it is.
struct WAVFile {
  let shape: WAVShape
  /// Where the sound starts, and how many bytes it has; no more than the file.
  let start: Int
  let count: Int

  init(_ descriptor: Int32, _ path: Path) throws(BackendError) {
    let size = Disk.kind(of: descriptor).size
    let riff = Self.read(descriptor, at: 0, count: 12)
    guard riff.count == 12, Text(riff[0..<4]).is("RIFF"), Text(riff[8..<12]).is("WAVE") else {
      throw BackendError(VSND_E_INVALID, "\(path.text) is not a WAV file")
    }
    var shape: WAVShape?
    var at = 12
    while at + 8 <= size {
      let head = Self.read(descriptor, at: at, count: 8)
      guard head.count == 8 else { break }
      let length = Int(Self.le(head[4..<8]))
      if Text(head[0..<4]).is("fmt ") {
        shape = try Self.shape(Self.read(descriptor, at: at + 8, count: min(length, 40)), path)
      } else if Text(head[0..<4]).is("data"), let shape {
        self.shape = shape
        start = at + 8
        // Writers that stream leave 0 or all ones as the length.
        let rest = size - start
        count = length == 0 || length > rest ? rest : length
        return
      }
      at += 8 + length + (length & 1)
    }
    throw BackendError(VSND_E_INVALID, "\(path.text) is a WAV file without sound")
  }

  private static func shape(_ fmt: [UInt8], _ path: Path) throws(BackendError) -> WAVShape {
    guard fmt.count >= 16 else { throw BackendError(VSND_E_INVALID, "\(path.text) has a broken WAV header") }
    var tag = le(fmt[0..<2])
    let channels = le(fmt[2..<4])
    let rate = le(fmt[4..<8])
    let block = le(fmt[12..<14])
    let bits = le(fmt[14..<16])
    if tag == 0xFFFE, fmt.count >= 40, Array(fmt[26..<40]) == WAVHeader.guidTail { tag = le(fmt[24..<26]) }
    guard channels >= 1, channels <= VSND_CHANNELS_MAX, block % channels == 0, Rate.code(of: rate) != nil,
      let format = format(tag, bits: bits, bytes: block / channels)
    else {
      throw BackendError(
        VSND_E_UNSUPPORTED,
        "\(path.text) has \(bits) bits of WAV format \(tag), \(rate) Hz, \(channels) channels, which no guest can record"
      )
    }
    return WAVShape(format: format, rate: rate, channels: channels)
  }

  /// WAV justifies to the top of a container, so fewer valid bits are those of the full format.
  private static func format(_ tag: UInt32, bits: UInt32, bytes: UInt32) -> SampleFormat? {
    guard bits == bytes * 8 else { return nil }
    return switch (tag, bytes) {
    case (1, 1): .u8
    case (1, 2): .s16
    case (1, 3): .s24in3
    case (1, 4): .s32
    case (3, 4): .float
    case (3, 8): .float64
    case (6, 1): .aLaw
    case (7, 1): .muLaw
    default: nil
    }
  }

  private static func le(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var number: UInt32 = 0
    for byte in bytes.reversed() { number = number << 8 | UInt32(byte) }
    return number
  }

  private static func read(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = unsafe bytes.withUnsafeMutableBytes { all in
      unsafe pread(descriptor, all.baseAddress, all.count, offset)
    }
    bytes.removeLast(count - max(0, got))
    return bytes
  }
}
