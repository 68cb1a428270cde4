// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Platform
internal import Sound
internal import Synchronization

/// Since when a worker is inside process(): a worker that is merely late does not speak against its backend.
final class StepMark: Sendable {
  /// Nanoseconds of CLOCK_MONOTONIC, 0 while it is outside.
  let entered = Atomic<UInt64>(0)
}

/// The audio context of a running stream whose backend has none: a thread that calls process().
@safe
final class StreamWorker: Sendable {
  private let quit: Descriptor
  private let thread: Thread

  /// Below the priorities that sound servers and their drivers use.
  private static let priority: Int32 = 40
  /// The rest after a step that moved nothing, in ns: a descriptor that is always readable must not spin.
  private static let idlePause: UInt64 = 1_000_000

  /// Starts calling `stream.process()`.
  ///
  /// - Parameters:
  ///   - feed: lives longer than the worker.
  ///   - mark: is set during steps that the daemon's clock paces.
  @unsafe
  init(
    _ stream: PluginStream, _ parameters: OpenParameters, feed: UnsafeMutablePointer<Feed>, mark: StepMark
  ) throws(SystemCallError) {
    let quit = try Descriptor.event()
    self.quit = quit
    let counter = unsafe FrameCounter(feed)
    thread = try Thread(name: "vsnd-stream-\(parameters.index)") {
      _ = Wait.beRealTime(priority: Self.priority)
      if let wake = stream.wake {
        Self.follow(wake, of: stream, counter, until: quit)
      } else {
        Self.pace(stream, parameters, mark, until: quit)
      }
    }
  }

  /// Waits until the step that is just being made, if there is one, has ended; no other follows.
  func end() {
    quit.signal()
    thread.join()
  }

  /// The frames that a feed has moved.
  @safe
  private struct FrameCounter: @unchecked Sendable {
    private let feed: UnsafeMutablePointer<Feed>

    @unsafe
    init(_ feed: UnsafeMutablePointer<Feed>) { unsafe self.feed = feed }

    var frames: UInt64 { unsafe feed.pointee.committed.load(ordering: .relaxed) }
  }

  /// Makes a step whenever `wake` is readable.
  private static func follow(
    _ wake: Int32, of stream: PluginStream, _ counter: FrameCounter, until quit: Descriptor
  ) {
    while true {
      let ready = Wait.until(nil, quit.raw, or: wake)
      if ready.first { return }
      guard ready.second else { continue }
      let before = counter.frames
      stream.process(due: 0, now: MonotonicClock.now)
      guard counter.frames == before else { continue }
      if Wait.until(MonotonicClock.now + idlePause, quit.raw).first { return }
    }
  }

  /// Makes a step at each tick of the daemon's clock.
  private static func pace(
    _ stream: PluginStream, _ parameters: OpenParameters, _ mark: StepMark, until quit: Descriptor
  ) {
    var grid = PeriodGrid(
      start: MonotonicClock.now, period: min(stream.periodFrames, parameters.bufferFrames),
      rate: parameters.rate.hertz, buffer: parameters.bufferFrames)
    while !Wait.until(grid.next, quit.raw).first {
      let now = MonotonicClock.now
      let due = grid.take(at: now)
      guard due > 0 else { continue }
      mark.entered.store(now, ordering: .relaxed)
      stream.process(due: due, now: now)
      mark.entered.store(0, ordering: .relaxed)
    }
  }
}
