// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing

@Suite("Feed: RELEASE")
struct ReleaseTests {
  @Test("everything comes back at once, also what nobody had popped yet (VS-130…133)")
  func everything() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    let mine = (0..<3).map { bench.ring.play(.pattern(16, from: 16 * $0), stream: 0) }
    let other = bench.ring.play(.pattern(16), stream: 1)
    bench.ring.publish()
    #expect(bench.hear(1, stream: 0) == .pattern(4))
    let late = bench.ring.play(.pattern(16), stream: 0)
    let lateOther = bench.ring.play(.pattern(16, from: 16), stream: 1)
    bench.ring.publish()
    _ = bench.call.readEvent()

    bench.release(0)

    #expect(bench.ring.takeUsed() == (mine + [late]).map { .init(id: UInt32($0.head), length: 8) })
    for message in mine + [late] { #expect(bench.ring.status(of: message) == (0x8000, 0)) }
    #expect(bench.call.readEvent() == .signalled)
    // VS-137: the other stream has lost nothing.
    #expect(bench.hear(64, stream: 1) == .pattern(32))
    #expect(bench.ring.takeUsed().map(\.id) == [other, lateOther].map { UInt32($0.head) })
  }

  @Test("a stream that is prepared again starts with new frames, of a new width (VS-081)")
  func again() throws {
    let bench = try TransferBench(isCapture: false)
    for (round, frameBytes) in [4, 6, 1, 144, 4].enumerated() {
      bench.prepare(0, frameBytes: frameBytes)
      bench.ring.play(.pattern(frameBytes * 3 + (frameBytes > 1 ? 1 : 0), from: round))
      bench.ring.play(.pattern(frameBytes * 3, from: 5000 + round))
      bench.ring.publish()
      #expect(bench.hear(1) == .pattern(frameBytes, from: round))
      #expect(bench.ring.takeUsed().isEmpty)
      bench.release(0)
      #expect(bench.ring.takeUsed().count == 2)
      #expect(bench.borrow(1).isEmpty)
    }
  }

  @Test("a recording that is cut short says how much is true, and the rest is silence (VS-115, VS-133)")
  func partialCapture() throws {
    let bench = try TransferBench(isCapture: true)
    bench.prepare(0, frameBytes: 4, silentSample: [0x80])
    let messages = (0..<3).map { _ in bench.ring.record(32) }
    bench.ring.publish()
    #expect(bench.speak(.pattern(44)) == 44)
    #expect(bench.ring.takeUsed().count == 1)
    bench.release(0)
    #expect(
      bench.ring.takeUsed() == [
        .init(id: UInt32(messages[1].head), length: 20), .init(id: UInt32(messages[2].head), length: 8),
      ])
    #expect(bench.ring.recorded(messages[1]) == .pattern(12, from: 32) + .init(repeating: 0x80, count: 20))
    #expect(bench.ring.status(of: messages[1]) == (0x8000, 0))
  }

  @Test(
    "a buffer that nothing was recorded into is left as it is: its pages may be the guest's again (VS-084)")
  func untouchedCapture() throws {
    let bench = try TransferBench(isCapture: true)
    let message = bench.ring.record(32)
    bench.ring.publish()
    bench.queue.pointee.service()
    bench.release(0)
    #expect(bench.ring.takeUsed() == [.init(id: UInt32(message.head), length: 8)])
    #expect(bench.ring.recorded(message) == .init(repeating: 0xDD, count: 32))
    #expect(bench.ring.status(of: message) == (0x8000, 0))
  }

  @Test("10000 RELEASEs in a row return nothing twice (VS-135, hostile 16)")
  func many() throws {
    let bench = try TransferBench(isCapture: false)
    for round in 0..<10_000 {
      if round % 100 == 0 {
        bench.prepare(0, frameBytes: 4)
        let message = bench.ring.play(.pattern(8))
        bench.ring.publish()
        bench.release(0)
        #expect(bench.ring.takeUsed().map(\.id) == [UInt32(message.head)])
        bench.ring.free(message, cut: .fields)
      } else {
        bench.release(0)
      }
    }
    #expect(bench.ring.takeUsed().isEmpty)
    #expect(bench.ring.room == bench.ring.size)
  }

  @Test("a stream that keeps its place is flushed and takes new buffers (VS-086)")
  func flushOnly() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    bench.feeds[0].pointee.hold()
    bench.feeds[0].pointee.flush(closing: false)
    bench.feeds[0].pointee.unhold()
    #expect(bench.ring.takeUsed().count == 1)
    bench.ring.play(.pattern(8, from: 100))
    bench.ring.publish()
    #expect(bench.hear(64) == .pattern(8, from: 100))
  }
}
