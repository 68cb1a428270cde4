// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CTestSupport
import Glibc
import PluginABI
import Sound
import TestSupport
import Testing
import Virtqueue

/// What an audio context does while its stream runs, over and over, with the guest's part done beside it.
private final class Loop {
  let bench: TransferBench
  private let spans = UnsafeMutablePointer<vsnd_span_t>.allocate(capacity: 64)
  private let messages: [UInt16]
  private var next = 0
  /// How often the audio context has allocated.
  private(set) var allocated: UInt = 0

  /// - Parameter pieces: of how many descriptors each message consists.
  init(isCapture: Bool, pieces: Int, bounceFrames: Int = 0) throws {
    bench = try TransferBench(isCapture: isCapture, streams: 3, size: 64)
    bench.prepare(0, frameBytes: 6, bounceFrames: bounceFrames)
    // Chains that are offered again and again: writing them anew would allocate.
    var heads: [UInt16] = []
    for _ in 0..<4 {
      let cut = GuestRing.Cut.pieces([600 / pieces], gap: 1)
      let message =
        isCapture
        ? bench.ring.record(600, cut: cut, as: .indirect)
        : bench.ring.play(.pattern(600), cut: cut, as: .indirect)
      heads.append(message.head)
    }
    messages = heads
    bench.ring.publish()
  }

  deinit { spans.deallocate() }

  /// One period of the host: a loan, its end, and now and then the clock.
  func period(_ number: Int) {
    let feed = bench.feeds[0]
    let before = bench.ring.usedIndex
    let allocations = vsnd_test_allocations()
    _ = feed.pointee.acquire(40, spans, 64)
    feed.pointee.commit(number % 5 == 0 ? 31 : 40, delay: 960, age: 1_000_000)
    if number % 50 == 0 {
      feed.pointee.give(to: .clock)
      _ = feed.pointee.skip(17)
      feed.pointee.give(to: .backend)
    }
    allocated += vsnd_test_allocations() - allocations
    // The guest: what came back is offered again.
    var back = bench.ring.usedIndex &- before
    while back > 0 {
      bench.ring.offer(messages[next % messages.count])
      next += 1
      back -= 1
    }
    bench.ring.publish()
  }
}

@Suite("Feed: real time")
struct RealTimeTests {
  @Test(
    "while a stream runs, nothing is allocated",
    .enabled(if: vsnd_test_counts() != 0, "a sanitizer has its own allocator"),
    arguments: [false, true], [1, 7, 150])
  func allocations(isCapture: Bool, pieces: Int) throws {
    for bounce in isCapture ? [0, 64] : [0] {
      let loop = try Loop(isCapture: isCapture, pieces: pieces, bounceFrames: bounce)
      for number in 0..<5000 { loop.period(number) }
      #expect(loop.allocated == 0)
      #expect(loop.bench.ring.usedIndex > 1000)
    }
    let before = vsnd_test_allocations()
    withExtendedLifetime([UInt8](repeating: 0, count: 100 + pieces)) {}
    #expect(vsnd_test_allocations() > before, "the counter counts")
  }

  @Test(
    "while a stream runs, the only system call is the notification",
    .enabled(if: vsnd_test_counts() != 0, "a sanitizer makes calls of its own"), arguments: [false, true])
  func systemCalls(isCapture: Bool) throws {
    let loop = try Loop(isCapture: isCapture, pieces: 7)
    for number in 0..<100 { loop.period(number) }
    // In a copy of this process, in which any other call is the end.
    let result = vsnd_test_confined(
      { argument in
        guard let argument else { return 1 }
        let loop = Unmanaged<Loop>.fromOpaque(argument).takeUnretainedValue()
        let before = loop.bench.ring.usedIndex
        for number in 0..<5000 { loop.period(number) }
        return loop.bench.ring.usedIndex &- before > 1000 ? 42 : 2
      }, Unmanaged.passUnretained(loop).toOpaque())
    #expect(result == 42)
    let caught = vsnd_test_confined({ _ in getpid() }, nil)
    #expect(caught < 0, "the filter filters")
  }
}
