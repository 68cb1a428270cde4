// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import Synchronization
import TestSupport

@testable import Backend
@testable import Sound

/// A host with streams on a scripted backend.
final class HostBench: @unchecked Sendable {
  let backend: ScriptedBackend
  let log = RecordingLog()
  let host: BackendHost
  let feeds: [TestFeed]
  let streams: [HostStream]

  init(_ backend: ScriptedBackend = ScriptedBackend(), streams count: Int = 1) throws {
    self.backend = backend
    let host = try BackendHost(try backend.makeInstance(log: log), log: log.logger)
    let feeds = (0..<count).map { _ in TestFeed() }
    self.host = host
    self.feeds = feeds
    streams = try feeds.enumerated().map { index, feed in
      try host.stream(index, label: "test", feed: feed.feed)
    }
  }

  var stream: HostStream { streams[0] }
  var feed: TestFeed { feeds[0] }

  /// 10 ms periods in a buffer of 40 ms: the watch trips after 80 ms.
  static func parameters(_ index: UInt32 = 0, rate: SampleRate = .hz48000) -> OpenParameters {
    OpenParameters(
      direction: .output, index: index, format: .s16, rate: rate, channels: 2, periodFrames: 480,
      bufferFrames: 1920, map: [3, 4], label: "test")
  }

  /// What prepare() and start() were answered.
  func prepare(_ index: Int = 0) -> Reply {
    let reply = Reply()
    streams[index].prepare(Self.parameters(UInt32(index))) { reply.give($0) }
    return reply
  }

  func start(_ index: Int = 0) -> Reply {
    let reply = Reply()
    streams[index].start { reply.give($0) }
    return reply
  }

  /// Who may take loans; nil while somebody is inside.
  func owner(_ index: Int = 0) -> FeedOwner? {
    let gate = feeds[index].feed
    for owner in [FeedOwner.nobody, .backend, .clock] where gate.pointee.gate.enter(owner) {
      gate.pointee.gate.leave()
      return owner
    }
    return nil
  }

  func becomes(_ owner: FeedOwner, _ index: Int = 0) -> Bool {
    ScriptedBackend.waits { self.owner(index) == owner }
  }

  var calls: [String] { backend.calls.filter { $0 != "create" } }

  /// Waits until the calls of the backend are `expected`.
  func sees(_ expected: [String]) -> Bool { ScriptedBackend.waits { self.calls == expected } }

  /// An audio context that asks for loans every 5 ms, until it is told to end.
  func play() -> Player { Player(backend) }
}

/// One answer, awaited by polling.
final class Reply: Sendable {
  private let answers = Locked<[BackendError?]>([])

  func give(_ error: BackendError?) { answers.withLock { $0.append(error) } }
  var count: Int { answers.withLock { $0.count } }
  /// Waits for the answer; true for success.
  var isSuccess: Bool {
    ScriptedBackend.waits { self.count > 0 } && answers.withLock { $0 } == [BackendError?.none]
  }
  /// Waits for the answer.
  var error: BackendError? {
    _ = ScriptedBackend.waits { self.count > 0 }
    return answers.withLock { $0.first ?? nil }
  }
}

/// The audio context of all streams of a scripted backend.
final class Player: Sendable {
  private let ends = Atomic<Bool>(false)
  private let thread: Locked<Platform.Thread?> = Locked(nil)

  init(_ backend: ScriptedBackend) {
    let thread = try? Platform.Thread(name: "player") { [self] in
      while !ends.load(ordering: .relaxed) {
        for stream in backend.streams { stream.move(480) }
        usleep(5000)
      }
    }
    self.thread.withLock { $0 = thread }
  }

  func end() {
    ends.store(true, ordering: .relaxed)
    thread.withLock { $0.take() }?.join()
  }
}
