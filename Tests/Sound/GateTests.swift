// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization
import TestSupport
import Testing
import Virtqueue

@Suite("Feed: who may come in")
struct GateTests {
  @Test("nobody comes in before the stream has an owner, and only the owner does")
  func owners() throws {
    let bench = try TransferBench(isCapture: false)
    let feed = bench.feeds[0]
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    feed.pointee.give(to: .nobody)
    #expect(bench.hear(1).isEmpty)
    #expect(feed.pointee.skip(1) == 0)
    feed.pointee.give(to: .clock)
    #expect(bench.hear(1).isEmpty)
    #expect(feed.pointee.skip(2) == 2)
    feed.pointee.give(to: .backend)
    #expect(feed.pointee.skip(1) == 0)
    #expect(bench.hear(1) == .pattern(4, from: 8))
    #expect(feed.pointee.committed.load(ordering: .relaxed) == 3)
  }

  @Test("hold waits for a loan that ends soon, and what it used counts")
  func holdDuringLoan() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    let isLent = try Descriptor.event()
    let context = try Thread(name: "audio") {
      _ = bench.borrow(4)
      isLent.signal()
      MonotonicClock.pause(milliseconds: 5)
      bench.commit(4)
    }
    while isLent.readEvent() == .nothing { MonotonicClock.pause(milliseconds: 1) }
    bench.feeds[0].pointee.hold()
    context.join()
    #expect(!bench.hasStaleLoan())
    bench.feeds[0].pointee.unhold()
    #expect(bench.hear(64) == .pattern(48, from: 16))
  }

  @Test("a loan that hangs is taken back after 50 ms; its late end counts for nothing")
  func staleLoan() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    #expect(!bench.borrow(4).isEmpty)
    let before = MonotonicClock.now
    bench.feeds[0].pointee.hold()
    #expect(MonotonicClock.now - before >= 50_000_000)
    #expect(bench.hasStaleLoan())
    bench.commit(4)
    #expect(!bench.hasStaleLoan())
    bench.feeds[0].pointee.unhold()
    #expect(bench.ring.takeUsed().isEmpty)
    // What was taken back was not played.
    #expect(bench.hear(64) == .pattern(64))
  }

  @Test("a context that comes for a new loan has let go of the one that was taken back")
  func staleLoanForgotten() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    _ = bench.borrow(4)
    bench.feeds[0].pointee.hold()
    #expect(bench.hasStaleLoan())
    #expect(bench.borrow(4).isEmpty)
    #expect(!bench.hasStaleLoan())
  }

  @Test("the end of a loan that was taken back does not end the loan of the clock or a later one")
  func staleCommit() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    _ = bench.borrow(16)
    bench.feeds[0].pointee.give(to: .clock)
    #expect(bench.feeds[0].pointee.skip(4) == 4)
    bench.commit(16)
    #expect(bench.feeds[0].pointee.skip(4) == 4)
    bench.feeds[0].pointee.give(to: .backend)
    #expect(bench.hear(64) == .pattern(32, from: 32))
  }

  @Test("memory that a hung context still uses stays readable over flush, stop and a new preparation")
  func staleMemory() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    bench.ring.play(.pattern(64), stream: 0)
    bench.ring.play(.pattern(4), stream: 1)
    bench.ring.publish()
    _ = bench.hear(1, stream: 0)
    _ = bench.hear(1, stream: 1)
    try bench.resume(base: bench.suspend())
    // What is lent now was saved by the daemon at the stop.
    let lent = bench.borrow(15, stream: 0)
    #expect(lent.flatMap { Array($0) } == .pattern(60, from: 4))
    bench.release(0)
    bench.prepare(0, frameBytes: 4)
    #expect(lent.flatMap { Array($0) }.count == 60)
    bench.commit(15)
    #expect(bench.hear(4).isEmpty)
    bench.release(0)
  }

  @Test("the daemon's memory that a hung context still writes is not lent to the next one")
  func staleBounce() throws {
    let bench = try TransferBench(isCapture: true)
    bench.prepare(0, frameBytes: 4, bounceFrames: 16)
    bench.ring.record(64)
    bench.ring.publish()
    let old = bench.borrow(16)
    bench.release(0)
    bench.prepare(0, frameBytes: 4, bounceFrames: 16)
    let message = bench.ring.record(64)
    bench.ring.publish()
    // The hung one does not come back; another context takes its place.
    #expect(bench.hasStaleLoan())
    let new = bench.borrow(16)
    new[0].copyBytes(from: [UInt8].pattern(64))
    old[0].copyBytes(from: [UInt8](repeating: 0xBB, count: 64))
    bench.commit(16)
    #expect(bench.ring.recorded(message) == .pattern(64))
  }

  // MARK: The clock

  @Test("the clock consumes playback and tells how much the guest had (VS-088)")
  func skipPlayback() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    bench.feeds[0].pointee.give(to: .clock)
    for index in 0..<3 { bench.ring.play(.pattern(60 + index, from: 100 * index)) }
    bench.ring.publish()
    #expect(bench.feeds[0].pointee.skip(14) == 14)
    #expect(bench.ring.takeUsed().map(\.length) == [8])
    bench.feeds[0].pointee.give(to: .backend)
    #expect(bench.hear(1) == .pattern(6, from: 124))
    bench.feeds[0].pointee.give(to: .clock)
    #expect(bench.feeds[0].pointee.skip(1_000_000) == 15)
    #expect(bench.ring.takeUsed().map(\.length) == [8, 8])
    #expect(bench.feeds[0].pointee.skip(UInt32.max) == 0)
  }

  @Test("the clock consumes first what was saved at a stop of the ring (VU-088)")
  func skipCarry() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    bench.ring.play(.pattern(32), stream: 0)
    bench.ring.play(.pattern(4), stream: 1)
    bench.ring.play(.pattern(32, from: 32), stream: 0)
    bench.ring.publish()
    _ = bench.hear(1, stream: 0)
    _ = bench.hear(1, stream: 1)
    try bench.resume(base: bench.suspend())
    bench.feeds[0].pointee.give(to: .clock)
    #expect(bench.feeds[0].pointee.skip(3) == 3)
    bench.feeds[0].pointee.give(to: .backend)
    #expect(bench.hear(6) == .pattern(24, from: 16))
    bench.feeds[0].pointee.give(to: .clock)
    #expect(bench.feeds[0].pointee.skip(UInt32.max) == 6)
  }

  @Test(
    "the clock records silence in the stream's format, whole samples of it (VS-088)", arguments: awkwardCuts)
  func skipCapture(cut: GuestRing.Cut) throws {
    for format in SampleFormat.allCases where format.containerBytes > 0 {
      let frameBytes = 3 * Int(format.containerBytes)
      let bench = try TransferBench(isCapture: true)
      bench.prepare(0, frameBytes: frameBytes, silentSample: format.silence)
      bench.feeds[0].pointee.give(to: .clock)
      let messages = [5, 90].map { bench.ring.record($0 * frameBytes, cut: cut, as: .indirect) }
      bench.ring.publish()
      #expect(bench.feeds[0].pointee.skip(3) == 3)
      #expect(bench.ring.takeUsed().isEmpty)
      #expect(bench.feeds[0].pointee.skip(200) == 92)
      #expect(bench.ring.takeUsed().map(\.length) == [5, 90].map { UInt32(8 + $0 * frameBytes) })
      let expected = (0..<95 * 3).flatMap { _ in format.silence }
      #expect(messages.flatMap { bench.ring.recorded($0) } == expected, "\(format.name)")
    }
  }

  @Test("silence is the middle of the range of each format (VS-064)")
  func silence() {
    let expected: [SampleFormat: [UInt8]] = [
      .muLaw: [0xFF], .aLaw: [0xD5], .u8: [0x80], .u16: [0, 0x80], .u18in3: [0, 0, 2], .u20in3: [0, 0, 8],
      .u24in3: [0, 0, 0x80], .u20: [0, 0, 8, 0], .u24: [0, 0, 0x80, 0], .u32: [0, 0, 0, 0x80],
      .dsdU8: [0x69], .dsdU16: [0x69, 0x69], .dsdU32: [0x69, 0x69, 0x69, 0x69],
    ]
    for format in SampleFormat.allCases where format != .imaADPCM {
      let zeros = [UInt8](repeating: 0, count: Int(format.containerBytes))
      #expect(format.silence == expected[format] ?? zeros, "\(format.name)")
    }
  }

  @Test("an xrun is told once an episode, and again after a whole loan (VS-147)")
  func xruns() throws {
    let bench = try TransferBench(isCapture: false)
    let feed = bench.feeds[0]
    func seen() -> Bool { feed.pointee.xrunSeen.exchange(false, ordering: .acquiring) }
    feed.pointee.xrun(10)
    #expect(seen())
    feed.pointee.xrun(5)
    #expect(!seen())
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    _ = bench.hear(4)
    feed.pointee.xrun(5)
    #expect(!seen(), "a short loan is no end of the episode")
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    _ = bench.hear(2)
    feed.pointee.xrun(5)
    #expect(seen())
    #expect(feed.pointee.lost.load(ordering: .relaxed) == 25)
  }

  @Test("an xrun of a backend that is held out is none (VS-147)")
  func heldOut() throws {
    let bench = try TransferBench(isCapture: false)
    let feed = bench.feeds[0]
    func seen() -> Bool { feed.pointee.xrunSeen.exchange(false, ordering: .acquiring) }
    feed.pointee.hold()
    feed.pointee.xrun(5)
    feed.pointee.unhold()
    feed.pointee.give(to: .clock)
    feed.pointee.xrun(5)
    feed.pointee.give(to: .backend)
    #expect(!seen())
    #expect(feed.pointee.lost.load(ordering: .relaxed) == 0)
    feed.pointee.xrun(5)
    #expect(feed.pointee.lost.load(ordering: .relaxed) == 5)
  }

  @Test("an episode ends with the stream: after PREPARE the first xrun is told (VS-147)")
  func anewAfterPrepare() throws {
    let bench = try TransferBench(isCapture: false)
    let feed = bench.feeds[0]
    func seen() -> Bool { feed.pointee.xrunSeen.exchange(false, ordering: .acquiring) }
    feed.pointee.xrun(5)
    feed.pointee.hold()
    feed.pointee.prepare(frameBytes: 4, rate: 48_000, silentSample: [0, 0], bounceFrames: 0)
    feed.pointee.unhold()
    #expect(!seen())

    feed.pointee.xrun(5)

    #expect(seen())
  }

  @Test("a failure leaves its code and wakes the control thread")
  func failure() throws {
    let bench = try TransferBench(isCapture: false)
    let signal = try Descriptor.event()
    bench.feeds[0].pointee.fail(-5)
    bench.feeds[0].pointee.failureSignal.store(signal.raw, ordering: .relaxed)
    bench.feeds[0].pointee.fail(0)
    #expect(bench.feeds[0].pointee.failure.load(ordering: .relaxed) == -3)
    #expect(signal.readEvent() == .signalled)
  }
}
