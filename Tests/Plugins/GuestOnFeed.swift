// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// A guest of one stream: keeps its small buffer full, or empty, as a driver does.
final class GuestOnFeed: @unchecked Sendable {
  let feed: FakeFeed
  private let frameBytes: Int
  /// Frames that it has queued at most.
  private let buffer: Int
  private let isCapture: Bool
  private let lock = NSLock()
  private var isEnding = false
  private var bytes: [UInt8]
  private let ended = DispatchSemaphore(value: 0)

  /// A guest that plays `bytes`, never more than its buffer ahead.
  init(_ shape: Shape, playing bytes: [UInt8]) {
    feed = FakeFeed(playing: [], frameBytes: shape.frameBytes)
    feed.cuts = [113, 511]
    frameBytes = shape.frameBytes
    buffer = Int(shape.bufferFrames)
    isCapture = false
    self.bytes = bytes
    start()
  }

  /// A guest that records, with room for its buffer.
  init(recording shape: Shape) {
    feed = FakeFeed(recording: Int(shape.bufferFrames), frameBytes: shape.frameBytes)
    feed.cuts = [511, 113]
    frameBytes = shape.frameBytes
    buffer = Int(shape.bufferFrames)
    isCapture = true
    bytes = []
    start()
  }

  /// What it plays.
  var sent: [UInt8] { lock.withLock { bytes } }

  /// Lets a guest that has not started play this.
  func play(_ bytes: [UInt8]) { lock.withLock { self.bytes = bytes } }

  private func start() {
    Thread { [self] in
      var given = 0
      while lock.withLock({ !isEnding }) {
        if isCapture { feed.ready = buffer } else { top(&given) }
        usleep(1000)
      }
      ended.signal()
    }.start()
  }

  private func top(_ given: inout Int) {
    let reach = min(sent.count / frameBytes, feed.committed + buffer)
    guard reach > given else { return }
    feed.append(lock.withLock { Array(bytes[given * frameBytes..<reach * frameBytes]) })
    given = reach
  }

  /// Stops it, so that nothing moves any more; once only.
  func end() {
    lock.withLock { isEnding = true }
    ended.wait()
  }

  /// Whether it has played all of it.
  var isDone: Bool { feed.committed * frameBytes == sent.count }

  /// Where two long recordings differ, in words; a test's own comparison of arrays would take minutes to tell.
  static func difference(_ heard: [UInt8], _ sent: [UInt8]) -> String? {
    if heard == sent { return nil }
    let first = zip(heard, sent).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    let at = first ?? min(heard.count, sent.count)
    return "\(heard.count) bytes of \(sent.count), different from byte \(at) on"
  }

  /// Recorded bytes without the silent frames before and after.
  static func trimmed(_ bytes: [UInt8], frameBytes: Int, silence: UInt8 = 0) -> [UInt8] {
    guard let first = bytes.firstIndex(where: { $0 != silence }),
      let last = bytes.lastIndex(where: { $0 != silence })
    else { return [] }
    return Array(bytes[first / frameBytes * frameBytes..<(last / frameBytes + 1) * frameBytes])
  }

  /// What was recorded, without frames of zeros.
  static func heard(_ bytes: [UInt8], frameBytes: Int) -> [UInt8] {
    heard(bytes, silence: [UInt8](repeating: 0, count: frameBytes), frameBytes)
  }

  /// What was recorded, without silent frames.
  static func heard(_ bytes: [UInt8], silence: [UInt8], _ frameBytes: Int) -> [UInt8] {
    var heard: [UInt8] = []
    heard.reserveCapacity(bytes.count)
    for at in stride(from: 0, to: bytes.count - frameBytes + 1, by: frameBytes) {
      let frame = bytes[at..<at + frameBytes]
      if !frame.elementsEqual(silence) { heard += frame }
    }
    return heard
  }
}

/// Waits until the condition holds; false when it does not within the time.
func settles(within seconds: Double, _ condition: () -> Bool) -> Bool {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while Date() < deadline {
    if condition() { return true }
    usleep(5000)
  }
  return condition()
}
