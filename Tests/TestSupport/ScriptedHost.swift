// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend
import Daemon
import PluginABI
package import Sound

/// The host's side of one stream, which answers when a test says so; the test is its audio context.
package final class ScriptedHost: StreamHost {
  package typealias Answer = @Sendable (BackendError?) -> Void

  /// How a call is answered.
  package enum Behaviour {
    case succeed
    case fail(Int32)
    /// Not before ``finishPrepare(_:)`` or ``finishStart(_:)``, perhaps never.
    case hang
  }

  package var preparing = Behaviour.succeed
  package var starting = Behaviour.succeed
  package var lendsGuestMemory = true
  /// What the card has asked for since the last ``takeCalls()``.
  package private(set) var calls: [String] = []
  package private(set) var parameters: OpenParameters?
  /// Whether the device is open; as a real host, it closes what was given up.
  package private(set) var isOpen = false
  package private(set) var runs = false
  private let feed: UnsafeMutablePointer<Feed>
  private var prepares: [(given: OpenParameters, answer: Answer)] = []
  private var starts: [Answer] = []

  package init(_ feed: UnsafeMutablePointer<Feed>) { self.feed = feed }

  package func takeCalls() -> [String] {
    defer { calls = [] }
    return calls
  }

  // MARK: What the card calls

  package func prepare(_ parameters: OpenParameters, answer: @escaping Answer) {
    calls.append("prepare")
    prepares.append((parameters, answer))
    switch preparing {
    case .succeed: finishPrepare(of: prepares.count - 1)
    case .fail(let code): finishPrepare(of: prepares.count - 1, code)
    case .hang: break
    }
  }

  package func start(answer: @escaping Answer) {
    calls.append("start")
    starts.append(answer)
    switch starting {
    case .succeed: finishStart(of: starts.count - 1)
    case .fail(let code): finishStart(of: starts.count - 1, code)
    case .hang: break
    }
  }

  package func stop() {
    calls.append("stop")
    rest()
  }

  package func release(_ mode: StopMode) {
    calls.append("release \(mode)")
    isOpen = false
    rest()
  }

  private func rest() {
    runs = false
    feed.pointee.give(to: .nobody)
  }

  // MARK: What a test calls

  /// Answers a prepare() that waits, the oldest one unless a test says otherwise.
  ///
  /// - Parameter code: VSND_E_*; nil for success.
  package func finishPrepare(of index: Int = 0, _ code: Int32? = nil) {
    guard prepares.indices.contains(index) else { return }
    let (given, answer) = prepares.remove(at: index)
    if code == nil {
      parameters = given
      isOpen = true
    }
    answer(code.map { BackendError(code: $0) })
  }

  /// Answers a start() that waits, likewise; the audio context may come from then on.
  package func finishStart(of index: Int = 0, _ code: Int32? = nil) {
    guard starts.indices.contains(index) else { return }
    let answer = starts.remove(at: index)
    if code == nil {
      runs = true
      feed.pointee.give(to: .backend)
    }
    answer(code.map { BackendError(code: $0) })
  }

  /// As the daemon's clock: what it does while the host hangs.
  package func skip(_ frames: Int) -> Int {
    feed.pointee.give(to: .clock)
    return Int(feed.pointee.skip(UInt32(frames)))
  }

  private var frameBytes: Int {
    parameters.map { Int($0.channels) * Int($0.format.containerBytes) } ?? 1
  }

  /// As audio context: takes a loan, without giving it back.
  package func borrow(_ frames: Int) -> [UnsafeMutableRawBufferPointer] {
    withUnsafeTemporaryAllocation(of: vsnd_span_t.self, capacity: 64) { spans in
      guard let base = spans.baseAddress else { return [] }
      let count = feed.pointee.acquire(UInt32(frames), base, 64)
      return (0..<Int(count)).map {
        UnsafeMutableRawBufferPointer(start: base[$0].data, count: Int(base[$0].frames) * frameBytes)
      }
    }
  }

  /// As audio context: ends the loan.
  package func commit(_ frames: Int, delay: Int64 = .min) {
    feed.pointee.commit(UInt32(frames), delay: delay)
  }

  /// As audio context: plays up to `frames` frames; returns their bytes.
  @discardableResult
  package func hear(_ frames: Int, delay: Int64 = .min) -> [UInt8] {
    let bytes = borrow(frames).flatMap { Array($0) }
    if !bytes.isEmpty { commit(bytes.count / frameBytes, delay: delay) }
    return bytes
  }

  /// As audio context: records the first of `bytes`; returns how many were taken.
  @discardableResult
  package func speak(_ bytes: [UInt8]) -> Int {
    let spans = borrow(bytes.count / frameBytes)
    var done = 0
    for span in spans {
      span.copyBytes(from: bytes[done..<done + span.count])
      done += span.count
    }
    if done > 0 { commit(done / frameBytes) }
    return done
  }

  /// As audio context: reports lost frames.
  package func xrun(_ frames: Int = 1) { feed.pointee.xrun(UInt32(frames)) }
}
