// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Backend

/// Periods of 10 ms in a buffer of 40 ms: the limit is 80 ms.
private let shape = HostWatch.Shape(period: 480, buffer: 1920, rate: 48_000, hostPeriod: 480)

@Suite("Watch over a host (VS-088)")
struct HostWatchTests {
  @Test(
    "silence is judged before Linux gives up, at 100 ms or 1.1 buffers, but not before a host period and 40 ms",
    arguments: [
      // Frames of period, buffer and host period.
      (480, 1920, 480, 80), (960, 1920, 480, 70), (2400, 4800, 480, 50), (480, 9600, 480, 200),
      (6000, 24_000, 480, 415), (480, 1920, 8192, 210),
    ])
  func limit(period: UInt32, buffer: UInt32, hostPeriod: UInt32, milliseconds: UInt64) {
    let shape = HostWatch.Shape(period: period, buffer: buffer, rate: 48_000, hostPeriod: hostPeriod)

    #expect(HostWatch.limit(shape) / 1_000_000 == milliseconds)
  }

  @Test("no shape makes the limit wrap", arguments: [UInt32.max, 0], [1, UInt32.max, 0])
  func extremeLimit(frames: UInt32, rate: UInt32) {
    let shape = HostWatch.Shape(period: frames, buffer: frames, rate: rate, hostPeriod: frames)

    #expect(HostWatch.limit(shape) >= 40_000_000)
  }

  @Test("as long as loans are asked for, nothing happens")
  func livelyHost() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)

    for _ in 0..<100 {
      let asked = clock.now
      clock.advance(milliseconds: 79)
      #expect(watch.look(at: clock.now, asked: asked) == .nothing)
    }
  }

  @Test("a silent host is replaced by the clock: a period at once, then one each period")
  func silentHost() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)

    clock.advance(milliseconds: 79)
    #expect(watch.look(at: clock.now, asked: 5) == .nothing)
    clock.advance(milliseconds: 1)
    #expect(watch.look(at: clock.now, asked: 5) == .takeOver)

    var steps: [HostWatch.Step] = []
    for _ in 0..<5 {
      steps.append(watch.look(at: clock.now, asked: 5))
      clock.advance(milliseconds: 5)
      #expect(watch.look(at: clock.now, asked: 5) == .nothing)
      clock.advance(milliseconds: 5)
    }
    #expect(steps == Array(repeating: .skip(480), count: 5))
  }

  @Test("the silent host gets its stream back with its first attempt")
  func handBack() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)
    clock.advance(milliseconds: 80)
    _ = watch.look(at: clock.now, asked: 5)

    clock.advance(milliseconds: 3)
    let step = watch.look(at: clock.now, asked: 6)

    #expect(step == .handBack)
    #expect(watch.phase == .attached)
    clock.advance(milliseconds: 79)
    #expect(watch.look(at: clock.now, asked: 6) == .nothing)
  }

  @Test("a failed host is replaced from the next period on, and its late calls change nothing")
  func failedHost() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)
    watch.fail(at: clock.now)

    clock.advance(milliseconds: 9)
    #expect(watch.look(at: clock.now, asked: 6) == .nothing)
    clock.advance(milliseconds: 1)
    #expect(watch.look(at: clock.now, asked: 7) == .skip(480))
    #expect(watch.phase == .gone)
  }

  @Test("a reopened host gets its stream once it asks, and the clock's grid does not move meanwhile")
  func reopenedHost() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)
    watch.fail(at: clock.now)
    clock.advance(milliseconds: 10)
    #expect(watch.look(at: clock.now, asked: 5) == .skip(480))

    clock.advance(milliseconds: 4)
    watch.reopen(at: clock.now, asked: 5)
    #expect(watch.look(at: clock.now, asked: 5) == .nothing)
    clock.advance(milliseconds: 6)
    #expect(watch.look(at: clock.now, asked: 5) == .skip(480))
    #expect(watch.look(at: clock.now, asked: 6) == .handBack)
  }

  @Test("a lively host is looked at once in the limit, and found silent as soon as it has been for so long")
  func nextLook() {
    let start: UInt64 = 1_000_000_000
    var watch = HostWatch(shape, at: start, asked: 0)

    #expect(watch.nextLook == start + 80_000_000)
    #expect(watch.look(at: start + 80_000_000, asked: start + 30_000_000) == .nothing)
    #expect(watch.nextLook == start + 110_000_000)
    #expect(watch.look(at: start + 110_000_000, asked: start + 30_000_000) == .takeOver)
  }

  @Test("the clock of a failed host looks again at its next period")
  func nextLookOfAFailedHost() {
    let start: UInt64 = 1_000_000_000
    var watch = HostWatch(shape, at: start, asked: 0)

    watch.fail(at: start)
    #expect(watch.nextLook == start + 10_000_000)
  }

  @Test("a look that was overtaken by the begin of the watch does no harm")
  func overtakenLook() {
    let start: UInt64 = 1_000_000_000
    var watch = HostWatch(shape, at: start, asked: 0)

    #expect(watch.look(at: start - 1000, asked: 0) == .nothing)
    watch.fail(at: start)
    #expect(watch.look(at: start - 1000, asked: 0) == .nothing)
  }

  @Test("a backend that waits for a late worker of the daemon's is not held silent, one that hangs is")
  func excusedSilence() {
    var clock = ManualClock()
    var watch = HostWatch(shape, at: clock.now, asked: 5)

    for _ in 0..<20 {
      clock.advance(milliseconds: 50)
      #expect(watch.look(at: clock.now, asked: 5, excused: clock.now) == .nothing)
    }
    clock.advance(milliseconds: 79)
    #expect(watch.look(at: clock.now, asked: 5) == .nothing)
    clock.advance(milliseconds: 1)
    #expect(watch.look(at: clock.now, asked: 5) == .takeOver)
  }
}
