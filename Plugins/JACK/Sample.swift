// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Samples of guests are integers; JACK's are 32-bit floats from -1 to 1. An integer of n bits is divided by 2^(n-1),
// and a float multiplied by it, rounded to the nearest integer, ties to even, and clipped; no dither. S16 and S24
// survive the round trip, because a float holds 24 bits. Compilers make vector instructions of the loops: no step
// of theirs may trap, so that floats become integers by adding a number whose last bit counts ones.

import PluginKit

/// How samples of a guest become floats and back.
enum SampleKind {
  case s16, s24, s24in3, s32, float

  /// nil for what JACK cannot carry.
  init?(_ format: SampleFormat) {
    switch format {
    case .s16: self = .s16
    case .s24: self = .s24
    case .s24in3: self = .s24in3
    case .s32: self = .s32
    case .float: self = .float
    default: return nil
    }
  }

  /// Bytes of a sample.
  var bytes: Int {
    @_noAllocation @_noLocks get {
      switch self {
      case .s16: 2
      case .s24in3: 3
      case .s24, .s32, .float: 4
      }
    }
  }

  /// Bits of the virtio formats.
  static var all: UInt64 {
    SampleFormat.s16.bit | SampleFormat.s24.bit | SampleFormat.s24in3.bit | SampleFormat.s32.bit
      | SampleFormat.float.bit
  }

  /// Copies one channel of `frames` interleaved frames to a port.
  ///
  /// - Parameters:
  ///   - source: the channel's sample in the first frame.
  ///   - stride: channels of a frame.
  @_noAllocation @_noLocks @unsafe
  func load(_ source: UnsafeRawPointer, stride: Int, to target: UnsafeMutablePointer<Float>, frames: Int) {
    // With a stride that is known the loops are vectors.
    switch stride {
    case 1: unsafe load(source, 1, target, frames)
    case 2: unsafe load(source, 2, target, frames)
    default: unsafe load(source, stride, target, frames)
    }
  }

  /// Copies a port's samples to one channel of `frames` interleaved frames.
  @_noAllocation @_noLocks @unsafe
  func store(_ source: UnsafePointer<Float>, to target: UnsafeMutableRawPointer, stride: Int, frames: Int) {
    switch stride {
    case 1: unsafe store(source, target, 1, frames)
    case 2: unsafe store(source, target, 2, frames)
    default: unsafe store(source, target, stride, frames)
    }
  }

  @_noAllocation @_noLocks @unsafe @inline(__always)
  private func load(
    _ source: UnsafeRawPointer, _ stride: Int, _ target: UnsafeMutablePointer<Float>, _ frames: Int
  ) {
    // SAFETY: `frames` frames of `stride` samples lie from `source` on, and a guest may have put them anywhere.
    switch self {
    case .s16:
      for at in 0..<frames {
        let value = unsafe source.loadUnaligned(fromByteOffset: at &* stride &* 2, as: Int16.self)
        unsafe target[at] = Float(value) * 0x1p-15
      }
    case .s24:
      for at in 0..<frames {
        let value = unsafe source.loadUnaligned(fromByteOffset: at &* stride &* 4, as: Int32.self)
        // The upper byte may be anything.
        unsafe target[at] = Float(value &<< 8) * 0x1p-31
      }
    case .s24in3:
      for at in 0..<frames {
        let low = unsafe source.loadUnaligned(fromByteOffset: at &* stride &* 3, as: UInt16.self)
        let high = unsafe source.loadUnaligned(fromByteOffset: at &* stride &* 3 &+ 2, as: Int8.self)
        unsafe target[at] = Float(Int32(high) &<< 16 | Int32(low)) * 0x1p-23
      }
    case .s32:
      for at in 0..<frames {
        let value = unsafe source.loadUnaligned(fromByteOffset: at &* stride &* 4, as: Int32.self)
        unsafe target[at] = Float(value) * 0x1p-31
      }
    case .float:
      for at in 0..<frames {
        unsafe target[at] = source.loadUnaligned(fromByteOffset: at &* stride &* 4, as: Float.self)
      }
    }
  }

  @_noAllocation @_noLocks @unsafe @inline(__always)
  private func store(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ stride: Int, _ frames: Int
  ) {
    switch self {
    case .s16:
      for at in 0..<frames {
        let value = unsafe Self.rounded16(source[at])
        unsafe target.storeBytes(of: value, toByteOffset: at &* stride &* 2, as: Int16.self)
      }
    case .s24:
      for at in 0..<frames {
        let value = unsafe Self.rounded(source[at], 0x1p23)
        unsafe target.storeBytes(of: value, toByteOffset: at &* stride &* 4, as: Int32.self)
      }
    case .s24in3:
      for at in 0..<frames {
        let value = unsafe Self.rounded(source[at], 0x1p23)
        let low = UInt16(truncatingIfNeeded: value)
        unsafe target.storeBytes(of: low, toByteOffset: at &* stride &* 3, as: UInt16.self)
        let high = Int8(truncatingIfNeeded: value &>> 16)
        unsafe target.storeBytes(of: high, toByteOffset: at &* stride &* 3 &+ 2, as: Int8.self)
      }
    case .s32:
      for at in 0..<frames {
        let value = unsafe Self.rounded(source[at], 0x1p31)
        unsafe target.storeBytes(of: value, toByteOffset: at &* stride &* 4, as: Int32.self)
      }
    case .float:
      for at in 0..<frames {
        unsafe target.storeBytes(of: source[at], toByteOffset: at &* stride &* 4, as: Float.self)
      }
    }
  }

  /// Near 1.5 × 2^23 the last bit of a float counts ones; no number is silence.
  @_noAllocation @_noLocks @inline(__always)
  private static func rounded16(_ sample: Float) -> Int16 {
    let scaled = sample * 0x1p15
    let low: Float = scaled > -0x1p15 ? scaled : -0x1p15
    let value: Float = low < 0x1p15 - 1 ? low : 0x1p15 - 1
    let bits = (value + 0x1.8p23).bitPattern
    return sample == sample ? Int16(truncatingIfNeeded: bits) : 0
  }

  /// The same with doubles, near 1.5 × 2^52, for 24 and 32 bits.
  @_noAllocation @_noLocks @inline(__always)
  private static func rounded(_ sample: Float, _ scale: Double) -> Int32 {
    let scaled = Double(sample) * scale
    let low: Double = scaled > -scale ? scaled : -scale
    let value: Double = low < scale - 1 ? low : scale - 1
    let bits = (value + 0x1.8p52).bitPattern
    return sample == sample ? Int32(truncatingIfNeeded: bits) : 0
  }
}
