// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginKit

/// The bytes before the sound of a file, and where in them its length stands; raw files have none.
@safe
struct WAVHeader: ~Copyable {
  private let bytes: UnsafeMutableRawPointer
  let count: Int
  private let frameBytes: Int
  /// Where the number of frames stands, 0 if it does not.
  private let fact: Int

  /// The end of the GUID that turns a tag into a sub-format.
  static var guidTail: [UInt8] { [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71] }

  /// The header of a raw file.
  init() {
    unsafe bytes = .allocate(byteCount: 1, alignment: 8)
    count = 0
    frameBytes = 1
    fact = 0
  }

  init(_ shape: WAVShape) {
    let width = UInt32(shape.format.sampleBytes)
    let frame = width * shape.channels
    var all = Bytes()
    all.literal("RIFF")
    all.le32(0)
    all.literal("WAVEfmt ")
    all.le32(shape.isExtensible ? 40 : shape.tag == 1 ? 16 : 18)
    all.le16(shape.isExtensible ? 0xFFFE : shape.tag)
    all.le16(UInt16(shape.channels))
    all.le32(shape.rate)
    all.le32(shape.rate &* frame)
    all.le16(UInt16(frame))
    all.le16(UInt16(width * 8))
    if shape.isExtensible {
      all.le16(22)
      all.le16(UInt16(width * 8))
      all.le32(shape.mask)
      all.le16(shape.tag)
      for byte in Self.guidTail { all.list.append(byte) }
    } else if shape.tag != 1 {
      all.le16(0)
    }
    var fact = 0
    if shape.tag != 1 {
      all.literal("fact")
      all.le32(4)
      fact = all.list.count
      all.le32(0)
    }
    all.literal("data")
    all.le32(0)
    self.fact = fact
    count = all.list.count
    frameBytes = Int(frame)
    unsafe bytes = .allocate(byteCount: count, alignment: 8)
    for index in 0..<count {
      unsafe bytes.storeBytes(of: all.list[index], toByteOffset: index, as: UInt8.self)
    }
    setSound(0)
  }

  deinit { unsafe bytes.deallocate() }

  /// The header as it is to be written.
  @unsafe
  var base: UnsafeRawPointer {
    @_noAllocation @_noLocks
    get { unsafe UnsafeRawPointer(bytes) }
  }

  /// The most bytes of sound that the 32-bit lengths can say, with a pad byte.
  var limit: Int { count == 0 ? .max : 0xFFFF_FFFF - count - 1 }

  /// Says that there are `sound` bytes of it, at most ``limit``.
  @_noAllocation @_noLocks
  func setSound(_ sound: Int) {
    guard count > 0 else { return }
    store(count &- 8 &+ sound &+ (sound & 1), at: 4)
    if fact != 0 { store(sound / frameBytes, at: fact) }
    store(sound, at: count &- 4)
  }

  @_noAllocation @_noLocks
  private func store(_ number: Int, at offset: Int) {
    // SAFETY: the three offsets lie in the header.
    unsafe bytes.storeBytes(
      of: UInt32(truncatingIfNeeded: number).littleEndian, toByteOffset: offset, as: UInt32.self)
  }

  private struct Bytes {
    var list: [UInt8] = []

    mutating func literal(_ text: StaticString) {
      for index in 0..<text.utf8CodeUnitCount { unsafe list.append(text.utf8Start[index]) }
    }

    mutating func le16(_ number: UInt16) {
      list.append(UInt8(truncatingIfNeeded: number))
      list.append(UInt8(truncatingIfNeeded: number >> 8))
    }

    mutating func le32(_ number: UInt32) {
      le16(UInt16(truncatingIfNeeded: number))
      le16(UInt16(truncatingIfNeeded: number >> 16))
    }
  }
}
