// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

/// A guest that plays into a sink, and another that records the sink's monitor.
final class Echo {
  let shape: Shape
  private let instance: Instance
  private(set) var listener: GuestOnFeed
  private(set) var player: GuestOnFeed
  private(set) var recording: OpenStream
  private(set) var playing: OpenStream
  /// Called when both streams are open, before they start.
  var connect: () throws -> Void = {}

  /// The places of the test sink's channels, as virtio numbers them.
  static let places: [UInt8] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22]

  init(_ instance: Instance, _ shape: Shape, frames: Int = 24_000, monitor: String = "vs_out.monitor") throws
  {
    self.instance = instance
    self.shape = shape
    var input = shape
    input.direction = VSND_CAPTURE
    input.device = monitor
    input.stream = 1
    listener = GuestOnFeed(recording: input)
    recording = try instance.open(input, listener.feed)
    player = GuestOnFeed(shape, playing: [])
    playing = try instance.open(shape, player.feed)
  }

  deinit {
    player.end()
    listener.end()
  }

  /// Starts to record, and to play `frames` frames.
  func start(frames: Int) throws {
    player.play(Self.samples(frames, shape))
    try connect()
    try recording.start()
    #expect(settles(within: 2) { listener.feed.committed > 0 }, "nothing is recorded")
    try playing.start()
  }

  /// What player and recorder say of frames in the middle are the same moments, within `frames` frames and the
  /// millisecond that a commit waits for its time stamp.
  ///
  /// That holds for half of them at least, since a machine stalls now and then.
  /// After ``finish(within:)``, of at least 48,000 frames.
  func expectDelays(within frames: Int) throws {
    let recorded = listener.feed.data
    let lead = stride(from: 0, to: recorded.count, by: 4).first { recorded[$0..<$0 + 4] != [0, 0, 0, 0] }
    let offset = try #require(lead) / 4
    let (plays, records) = (player.feed.moments, listener.feed.moments)
    var gaps: [Double] = []
    for frame in stride(from: 12_000, to: 36_000, by: 960) {
      let played = try #require(plays.first { $0.after > frame })
      let heard = try #require(records.first { $0.after > frame + offset })
      guard let ahead = played.delay, let behind = heard.delay else { continue }
      let due = played.time + Double(Int(ahead) - (played.after - frame)) / 48_000
      let said = heard.time - Double(Int(behind) - (frame + offset - heard.before)) / 48_000
      gaps.append(abs(due - said) * 48_000)
    }
    gaps.sort()
    try #require(gaps.count > 12, "most delays are unknown")
    #expect(gaps[gaps.count / 2] <= Double(frames + 48), "\(gaps)")
  }

  /// Waits for the end of playing, lets it drain, and stops both.
  func finish(within seconds: Double) {
    #expect(
      settles(within: seconds) { player.isDone },
      "played \(player.feed.committed) frames of \(player.sent.count / shape.frameBytes)")
    playing.end()
    let end = listener.feed.committed
    _ = settles(within: 2) { listener.feed.committed > end + Int(shape.rate) * 2 / 3 }
    recording.stop(VSND_STOP_DISCARD)
    #expect(player.feed.violations == 0)
    #expect(listener.feed.violations == 0)
  }

  /// The samples that were heard, which are never silent when played.
  var heard: [UInt8] { GuestOnFeed.heard(listener.feed.data, silence: Self.silence(shape), shape.frameBytes) }

  func expectExact(frames: Int) throws {
    try start(frames: frames)
    finish(within: Double(frames) / Double(shape.rate) + 2)
    expectHeard()
  }

  /// Expects that all was heard that was played, and nothing else.
  func expectHeard() {
    let (heard, sent) = (heard, player.sent)
    let first = zip(heard, sent).enumerated().first { $1.0 != $1.1 }?.offset
    #expect(
      heard == sent,
      "format \(shape.format): \(heard.count) of \(sent.count) bytes, different from \(first ?? -1) on")
  }

  /// Full-scale values that survive a float graph: 16-bit ones in the container of the format.
  static func samples(_ frames: Int, _ shape: Shape) -> [UInt8] {
    var bytes: [UInt8] = []
    var state: UInt64 = 7
    for index in 0..<frames * Int(shape.channels) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var value = Int16(truncatingIfNeeded: state >> 40)
      if index == 20 { value = .min } else if index == 22 { value = .max }
      // Not silence, in eight bits neither.
      if value >> 8 == 0 { value = 0x100 }
      bytes += encoded(value, shape.format)
    }
    return bytes
  }

  static func silence(_ shape: Shape) -> [UInt8] {
    (0..<Int(shape.channels)).flatMap { _ in encoded(0, shape.format) }
  }

  /// A value in the low bytes of its container, as virtio's formats have it.
  private static func encoded(_ value: Int16, _ format: UInt32) -> [UInt8] {
    func little<Value: FixedWidthInteger>(_ value: Value, _ count: Int) -> [UInt8] {
      Array(withUnsafeBytes(of: value.littleEndian) { $0.prefix(count) })
    }
    let wide = Int32(value)
    switch format {
    // The codes of both laws come back as they are, but for mu-law's negative zero.
    case 1: return value == 0 ? [0xFF] : [UInt8(truncatingIfNeeded: value >> 8) & 0x7E | 0x80]
    case 2: return value == 0 ? [0xD5] : [UInt8(truncatingIfNeeded: value >> 8) & 0xFE]
    case 3: return little(value >> 8, 1)
    case 4: return little(UInt16(bitPattern: (value >> 8) + 128), 1)
    case 5: return little(value, 2)
    case 11: return little(wide << 8, 3)
    case 15: return little(wide << 8, 4)
    case 17: return little(wide << 16, 4)
    case 20: return withUnsafeBytes(of: Double(value) / 32768) { Array($0) }
    default: return withUnsafeBytes(of: Float(value) / 32768) { Array($0) }
    }
  }
}
