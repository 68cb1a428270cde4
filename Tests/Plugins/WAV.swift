// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A WAV file, read strictly by the book and by none of the code under test.
struct WAV {
  let tag: UInt16
  let channels: UInt16
  let rate: UInt32
  let bytesPerSecond: UInt32
  let block: UInt16
  let bits: UInt16
  /// Of WAVE_FORMAT_EXTENSIBLE.
  let mask: UInt32?
  let subtag: UInt16?
  /// Frames as the fact chunk says.
  let fact: UInt32?
  /// As long as the header says.
  let sound: [UInt8]

  struct Lie: Error, Equatable, CustomStringConvertible {
    let description: String
  }

  /// - Throws: when the header claims anything that is not so.
  init(_ path: String) throws {
    try self.init(bytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
  }

  init(bytes: [UInt8]) throws {
    func le(_ at: Int, _ count: Int) throws -> UInt32 {
      guard at + count <= bytes.count else {
        throw Lie(description: "ends at \(bytes.count), \(at) is needed")
      }
      return bytes[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    func name(_ at: Int) throws -> String {
      guard at + 4 <= bytes.count else { throw Lie(description: "ends at \(bytes.count), \(at) is needed") }
      return String(decoding: bytes[at..<at + 4], as: UTF8.self)
    }
    guard try name(0) == "RIFF", try name(8) == "WAVE" else { throw Lie(description: "no RIFF WAVE") }
    let end = Int(try le(4, 4)) + 8
    guard end <= bytes.count else { throw Lie(description: "RIFF claims \(end) of \(bytes.count) bytes") }
    guard try name(12) == "fmt " else { throw Lie(description: "no fmt") }
    let format = Int(try le(16, 4))
    tag = UInt16(try le(20, 2))
    channels = UInt16(try le(22, 2))
    rate = try le(24, 4)
    bytesPerSecond = try le(28, 4)
    block = UInt16(try le(32, 2))
    bits = UInt16(try le(34, 2))
    mask = format == 40 ? try le(40, 4) : nil
    subtag = format == 40 ? UInt16(try le(44, 2)) : nil
    var at = 20 + format
    fact = try name(at) == "fact" ? try le(at + 8, 4) : nil
    if fact != nil { at += 12 }
    guard try name(at) == "data" else { throw Lie(description: "no data") }
    let count = Int(try le(at + 4, 4))
    guard at + 8 + count + count % 2 == end else {
      throw Lie(description: "data ends at \(at + 8 + count), RIFF at \(end)")
    }
    sound = Array(bytes[at + 8..<at + 8 + count])
  }
}

/// A folder that goes away with the object.
final class Folder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "vsnd-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// Bytes that differ from their neighbours and repeat late.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: ($0 + seed) &* 167 &+ ($0 + seed) / 251) }
}

/// Plays `bytes` through one opening of a stream, in uneven steps and spans.
func play(_ instance: Instance, _ shape: Shape, _ bytes: [UInt8]) throws {
  let feed = FakeFeed(playing: bytes, frameBytes: shape.frameBytes)
  feed.cuts = [7, 1, 100, 64]
  try instance.open(shape, feed).run(step: 333)
  guard feed.violations == 0, feed.failures.isEmpty, feed.ready == 0 else {
    throw WAV.Lie(description: "violations \(feed.violations), failures \(feed.failures), left \(feed.ready)")
  }
}

/// Records `frames` frames through one opening of a stream.
func record(_ instance: Instance, _ shape: Shape, _ frames: Int) throws -> [UInt8] {
  let feed = FakeFeed(recording: frames, frameBytes: shape.frameBytes)
  feed.cuts = [7, 1, 100, 64]
  try instance.open(shape, feed).run(step: 333)
  guard feed.violations == 0, feed.failures.isEmpty else {
    throw WAV.Lie(description: "violations \(feed.violations), failures \(feed.failures)")
  }
  return feed.data
}
