// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

@testable import Backend

@Suite("The daemon's clock")
struct PeriodGridTests {
  @Test("the first tick comes one period after the start, and none earlier")
  func firstTick() {
    var grid = PeriodGrid(start: 1000, period: 480, rate: 48_000, buffer: 1920)

    #expect(grid.next == 10_001_000)
    #expect(grid.take(at: 10_000_999) == 0)
    #expect(grid.take(at: 10_001_000) == 480)
    #expect(grid.next == 20_001_000)
  }

  @Test(
    "after a day of ticks, not a frame is lost to rounding",
    arguments: [(441, 44_100), (1024, 44_100), (256, 11_025), (100, 5512), (4800, 384_000)])
  func exactOverADay(period: Int, rate: Int) {
    let (period, rate) = (UInt32(period), UInt32(rate))
    let day: UInt64 = 86_400
    var grid = PeriodGrid(start: 7, period: period, rate: rate, buffer: .max)

    // One look at the end counts like one at every tick.
    let due = UInt64(grid.take(at: 7 + day * 1_000_000_000))

    let frames = day * UInt64(rate)
    let expected = frames / UInt64(period) * UInt64(period)
    #expect(due == (expected <= UInt64(UInt32.max) ? expected : UInt64(period)))
    #expect(grid.ticks == frames / UInt64(period))
    #expect(grid.next > 7 + day * 1_000_000_000)
  }

  @Test("ticks are as far apart as the period, whenever they are taken", arguments: [44_100, 48_000, 5512])
  func even(rate: Int) {
    var grid = PeriodGrid(start: 0, period: 256, rate: UInt32(rate), buffer: 4096)
    let nominal = 256 * 1_000_000_000 / UInt64(rate)

    for tick in 1...10_000 {
      let time = grid.next
      #expect(time.distance(to: UInt64(tick) * 256 * 1_000_000_000 / UInt64(rate)).magnitude <= 1)
      #expect(grid.take(at: time) == 256)
      #expect(grid.next - time - nominal <= 1)
    }
  }

  @Test("a late look gets what it missed, as long as that is less than the buffer of the guest")
  func catchesUp() {
    var grid = PeriodGrid(start: 0, period: 480, rate: 48_000, buffer: 1920)

    #expect(grid.take(at: 35_000_000) == 3 * 480)
    #expect(grid.next == 40_000_000)
  }

  @Test("a whole buffer is never due at once: Linux would see no progress")
  func neverWholeBuffer() {
    var grid = PeriodGrid(start: 0, period: 480, rate: 48_000, buffer: 1920)

    #expect(grid.take(at: 45_000_000) == 480)
    #expect(grid.next == 50_000_000)
  }

  @Test("after a stall longer than the buffer there is no burst, and the grid stays where it was")
  func noBurst() {
    var grid = PeriodGrid(start: 0, period: 480, rate: 48_000, buffer: 1920)

    #expect(grid.take(at: 1_234_000_000) == 480)
    #expect(grid.next == 1_240_000_000)
  }

  @Test("a period below a millisecond is not ticked more often than once a millisecond")
  func tinyPeriod() {
    let grid = PeriodGrid(start: 0, period: 1, rate: 48_000, buffer: 2)

    #expect(grid.period == 48)
    #expect(grid.next == 1_000_000)
  }

  @Test("a grid can begin with a tick at once")
  func beginsAtOnce() {
    var grid = PeriodGrid(first: 5_000_000_000, period: 480, rate: 48_000, buffer: 1920)

    #expect(grid.next == 5_000_000_000)
    #expect(grid.take(at: 5_000_000_000) == 480)
  }

  @Test("pauses between tries double from 100 ms to 2 s, and start over after a reset")
  func backoff() {
    var backoff = Backoff()

    let pauses = (0..<7).map { _ in backoff.next() / 1_000_000 }
    backoff.reset()

    #expect(pauses == [100, 200, 400, 800, 1600, 2000, 2000])
    #expect(backoff.next() == 100_000_000)
  }
}
