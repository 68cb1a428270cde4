// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// A guest of one stream: keeps its small buffer full, or empty, as a driver does, and counts the time.
final class GuestOnFeed: @unchecked Sendable {
  let feed: FakeFeed
  private let shape: Shape
  private let thread: Thread
  private let lock = NSLock()
  private var isEnding = false
  private let ended = DispatchSemaphore(value: 0)

  /// What it plays; empty for a guest that records.
  let sent: [UInt8]

  /// A guest that plays `bytes`, never more than its buffer ahead.
  init(_ shape: Shape, playing bytes: [UInt8]) {
    self.shape = shape
    sent = bytes
    let feed = FakeFeed(playing: [], frameBytes: shape.frameBytes)
    self.feed = feed
    feed.cuts = [113, 511]
    let (buffer, frameBytes) = (Int(shape.bufferFrames), shape.frameBytes)
    var given = 0
    let work = Work()
    thread = Thread { work.body() }
    work.body = { [weak self, ended] in
      while self?.goesOn == true {
        let reach = min(bytes.count / frameBytes, feed.committed + buffer)
        if reach > given {
          feed.append(Array(bytes[given * frameBytes..<reach * frameBytes]))
          given = reach
        }
        usleep(1000)
      }
      ended.signal()
    }
    start()
  }

  /// A guest that records, with room for its buffer.
  init(recording shape: Shape) {
    self.shape = shape
    sent = []
    let feed = FakeFeed(recording: Int(shape.bufferFrames), frameBytes: shape.frameBytes)
    self.feed = feed
    feed.cuts = [511, 113]
    let buffer = Int(shape.bufferFrames)
    let work = Work()
    thread = Thread { work.body() }
    work.body = { [weak self, ended] in
      while self?.goesOn == true {
        feed.ready = buffer
        usleep(1000)
      }
      ended.signal()
    }
    start()
  }

  private func start() {
    thread.qualityOfService = .userInteractive
    thread.start()
  }

  private final class Work: @unchecked Sendable {
    var body: () -> Void = {}
  }

  private var goesOn: Bool { lock.withLock { !isEnding } }

  /// Stops it, so that nothing moves any more.
  func end() {
    lock.withLock { isEnding = true }
    ended.wait()
  }

  /// Whether it has played all of it.
  var isDone: Bool { feed.committed * shape.frameBytes == sent.count }

  /// Recorded bytes without the silent frames before and after.
  static func trimmed(_ bytes: [UInt8], frameBytes: Int) -> [UInt8] {
    guard let first = bytes.firstIndex(where: { $0 != 0 }), let last = bytes.lastIndex(where: { $0 != 0 })
    else { return [] }
    return Array(bytes[first / frameBytes * frameBytes..<(last / frameBytes + 1) * frameBytes])
  }

  /// What it recorded, or what another recorded, without silent frames.
  static func heard(_ bytes: [UInt8], frameBytes: Int) -> [UInt8] {
    var heard: [UInt8] = []
    for at in stride(from: 0, to: bytes.count - frameBytes + 1, by: frameBytes) {
      let frame = bytes[at..<at + frameBytes]
      if frame.contains(where: { $0 != 0 }) { heard += frame }
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
