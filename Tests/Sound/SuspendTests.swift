// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing
import Virtqueue

@Suite("TransferQueue: stop and start of a ring")
struct SuspendTests {
  /// Everything that is still to be heard of a stream.
  private func rest(_ bench: TransferBench, stream: Int = 0) -> [UInt8] {
    var heard: [UInt8] = []
    while true {
      let part = bench.hear(7, stream: stream)
      if part.isEmpty { return heard }
      heard += part
    }
  }

  @Test("what waits is given back and plays after the restart, base and used index agree (VU-087, VU-088)")
  func waiting() throws {
    let bench = try TransferBench(isCapture: false, start: 65_534)
    let messages = (0..<4).map { bench.ring.play(.pattern(16, from: 16 * $0)) }
    bench.ring.publish()
    #expect(bench.hear(4) == .pattern(16))

    let base = bench.suspend()

    #expect(base == 65_535 && base == bench.ring.usedIndex)
    #expect(bench.ring.takeUsed().count == 1)
    #expect(bench.hear(4).isEmpty)
    try bench.resume(base: base)
    #expect(rest(bench) == .pattern(48, from: 16))
    #expect(bench.ring.takeUsed().map(\.id) == messages[1...].map { UInt32($0.head) })
  }

  @Test("a message goes on in its middle after the restart, and after several (VU-088)")
  func middle() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    bench.ring.play(.pattern(60), cut: .pieces([7], gap: 1), as: .indirect)
    bench.ring.play(.pattern(60, from: 60))
    bench.ring.publish()
    var heard: [UInt8] = []
    for round in 0..<6 {
      heard += bench.hear(round == 3 ? 0 : 3)
      let base = bench.suspend()
      #expect(base == bench.ring.usedIndex)
      try bench.resume(base: base)
      if round == 2 {
        // Stopped again before anybody looked.
        try bench.resume(base: bench.suspend())
      }
    }
    heard += rest(bench)
    #expect(heard == .pattern(120))
    #expect(bench.ring.takeUsed().map(\.length) == [8, 8])
  }

  @Test("a recording goes on in its middle after the restart (VU-088)")
  func middleOfCapture() throws {
    let bench = try TransferBench(isCapture: true, frameBytes: 4)
    let messages = (0..<2).map { _ in bench.ring.record(40) }
    bench.ring.publish()
    #expect(bench.speak(.pattern(24)) == 24)
    let base = bench.suspend()
    #expect(base == 0 && bench.ring.usedIndex == 0)
    try bench.resume(base: base)
    #expect(bench.speak(.pattern(100, from: 24)) == 56)
    #expect(bench.ring.takeUsed().map(\.length) == [48, 48])
    #expect(messages.flatMap { bench.ring.recorded($0) } == .pattern(80))
  }

  @Test("a buffer older than one that was returned is completed, and what it had to play is kept (VU-087)")
  func carry() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    let first = bench.ring.play(.pattern(32), stream: 0)
    let other = bench.ring.play(.pattern(16, from: 500), stream: 1)
    let second = bench.ring.play(.pattern(32, from: 32), stream: 0)
    bench.ring.publish()
    #expect(bench.hear(3, stream: 0) == .pattern(12))
    #expect(bench.hear(4, stream: 1) == .pattern(16, from: 500))

    let base = bench.suspend()

    #expect(base == 2 && bench.ring.usedIndex == 2)
    #expect(bench.ring.takeUsed().map(\.id) == [UInt32(other.head), UInt32(first.head)])
    // The guest may use the memory again at once.
    bench.ring.scatter(.init(repeating: 0xAA, count: 36), into: first.readable)
    try bench.resume(base: base)
    // A second stop while half of it is still to be heard.
    #expect(bench.hear(2, stream: 0) == .pattern(8, from: 12))
    let again = bench.suspend()
    #expect(again == 2 && bench.ring.usedIndex == 2)
    try bench.resume(base: again)
    #expect(rest(bench) == .pattern(44, from: 20))
    #expect(bench.ring.takeUsed().map(\.id) == [UInt32(second.head)])
  }

  @Test("two stops in a row keep what both had to save, in order (VU-088)")
  func carryTwice() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    var heard: [UInt8] = []
    for round in 0..<4 {
      bench.ring.play(.pattern(32, from: 32 * round), stream: 0)
      bench.ring.play(.pattern(4), stream: 1)
      bench.ring.publish()
      heard += bench.hear(1, stream: 0)
      #expect(bench.hear(1, stream: 1) == .pattern(4))
      let base = bench.suspend()
      #expect(base == bench.ring.usedIndex)
      try bench.resume(base: base)
    }
    #expect(bench.ring.takeUsed().count == 8)
    heard += rest(bench)
    #expect(heard == .pattern(128))
  }

  @Test("a recording older than one that was returned is completed with silence (VU-087, VS-115)")
  func carryCapture() throws {
    let bench = try TransferBench(isCapture: true, streams: 2)
    bench.prepare(0, frameBytes: 4, silentSample: [0x00, 0x80])
    let first = bench.ring.record(32, stream: 0)
    bench.ring.record(4, stream: 1)
    let second = bench.ring.record(32, stream: 0)
    bench.ring.publish()
    #expect(bench.speak(.pattern(12), stream: 0) == 12)
    #expect(bench.speak(.pattern(4), stream: 1) == 4)
    let base = bench.suspend()
    #expect(base == 2 && bench.ring.usedIndex == 2)
    #expect(bench.ring.takeUsed().map(\.length) == [12, 40])
    #expect(bench.ring.recorded(first) == .pattern(12) + (0..<20).map { $0 % 2 == 0 ? 0 : 0x80 })
    try bench.resume(base: base)
    #expect(bench.speak(.pattern(32, from: 12), stream: 0) == 32)
    #expect(bench.ring.recorded(second) == .pattern(32, from: 12))
  }

  @Test("after a stop neither ring nor buffers are touched, and nobody is notified (VS-136, VU-086)")
  func quiet() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    let lent = bench.borrow(4)
    #expect(!lent.isEmpty)
    _ = bench.suspend()
    _ = bench.call.readEvent()
    let before = bench.guest.read(1 << 16, at: bench.guest.regions[0].guestAddress)
    // The late end of a loan that was taken back, and what may follow.
    bench.commit(4)
    #expect(bench.hear(4).isEmpty)
    for feed in bench.feeds { feed.pointee.unhold() }
    #expect(bench.hear(4).isEmpty)
    bench.release(0)
    bench.queue.pointee.service()
    #expect(bench.guest.read(1 << 16, at: bench.guest.regions[0].guestAddress) == before)
    #expect(bench.call.readEvent() == .nothing)
  }

  @Test("RELEASE while the ring is stopped forgets what was saved, and the rest is refused later (VS-112)")
  func releaseWhileStopped() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    bench.ring.play(.pattern(32), stream: 0)
    bench.ring.play(.pattern(4), stream: 1)
    let second = bench.ring.play(.pattern(32, from: 32), stream: 0)
    bench.ring.publish()
    _ = bench.hear(1, stream: 0)
    _ = bench.hear(1, stream: 1)
    let base = bench.suspend()
    _ = bench.ring.takeUsed()
    bench.feeds[0].pointee.flush(closing: true)
    try bench.resume(base: base)
    #expect(bench.ring.takeUsed() == [.init(id: UInt32(second.head), length: 8)])
    #expect(bench.ring.status(of: second).status == 0x8003)
    bench.prepare(0, frameBytes: 4)
    #expect(bench.hear(64).isEmpty)
  }

  @Test("a reset forgets streams and places; a new ring begins afresh (VS-087, B13)")
  func reset() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    #expect(bench.hear(3) == .pattern(12))
    _ = bench.suspend()
    bench.feeds[0].pointee.reset()

    // The rebooted guest's ring, somewhere else.
    let fresh = GuestRing(bench.guest, size: 16)
    try bench.queue.pointee.start(fresh.layout(), base: 0, memory: bench.guest.memory)
    let refused = fresh.play(.pattern(8))
    fresh.publish()
    bench.queue.pointee.service()
    #expect(fresh.takeUsed() == [.init(id: UInt32(refused.head), length: 8)])
    bench.prepare(0, frameBytes: 4)
    fresh.play(.pattern(8, from: 77))
    fresh.publish()
    #expect(bench.hear(64) == .pattern(8, from: 77))
  }

  @Test("a ring may be of another size after the restart")
  func otherSize() throws {
    let bench = try TransferBench(isCapture: false, size: 4)
    #expect(bench.suspend() == 0)
    let bigger = GuestRing(bench.guest, size: 64)
    try bench.queue.pointee.start(bigger.layout(), base: 0, memory: bench.guest.memory)
    bench.feeds[0].pointee.unhold()
    for index in 0..<20 { bigger.play(.pattern(4, from: index * 4)) }
    bigger.publish()
    #expect(rest(bench) == .pattern(80))
  }

  @Test("abandon drops everything without touching the ring")
  func abandon() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    _ = bench.hear(1)
    bench.feeds[0].pointee.hold()
    bench.queue.pointee.abandon()
    #expect(bench.ring.usedIndex == 0)
    #expect(!bench.isRunning)
  }

  // MARK: Memory

  @Test("the table may change with buffers in flight: all goes on at the new places (VU-054)")
  func move() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    bench.ring.play(.pattern(60), cut: .pieces([7], gap: 0), as: .indirect)
    bench.ring.play(.pattern(60, from: 60))
    bench.ring.publish()
    var heard: [UInt8] = []
    var kept: [GuestMemory] = []
    for _ in 0..<5 {
      heard += bench.hear(3)
      bench.feeds[0].pointee.hold()
      let memory = try bench.guest.remapped()
      bench.queue.pointee.move(to: memory)
      kept = [memory]
      bench.feeds[0].pointee.unhold()
    }
    heard += rest(bench)
    #expect(heard == .pattern(120))
    #expect(bench.ring.takeUsed().count == 2)
    #expect(kept.count == 1)
  }

  @Test("a ring whose memory is gone stands still, and goes on when it is back (VU-058)")
  func gone() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(16))
    bench.ring.play(.pattern(16, from: 16))
    bench.ring.publish()
    #expect(bench.hear(5) == .pattern(20))
    bench.feeds[0].pointee.hold()
    bench.queue.pointee.move(to: .empty)
    bench.feeds[0].pointee.unhold()
    #expect(!bench.isRunning)
    bench.ring.play(.pattern(16, from: 32))
    bench.ring.publish()
    let used = bench.ring.usedIndex
    _ = bench.hear(0)
    #expect(bench.ring.usedIndex == used)

    bench.feeds[0].pointee.hold()
    bench.queue.pointee.move(to: bench.guest.memory)
    bench.feeds[0].pointee.unhold()
    #expect(bench.isRunning)
    #expect(rest(bench) == .pattern(28, from: 20))
    #expect(bench.ring.takeUsed().count == 3)
  }

  @Test("audio of buffers whose memory is gone is zeros, and does not end the process (VU-059)")
  func goneData() throws {
    let bench = try TransferBench(isCapture: false)
    let header = bench.guest.allocate(4)
    bench.guest.write([0, 0, 0, 0], at: header)
    let data = bench.guest.regions[1].guestAddress + 100
    bench.guest.write(.pattern(64), at: data)
    let status = bench.guest.regions[1].guestAddress
    bench.ring.add([.init(header, 4), .init(data, 64), .init(status, 8, writable: true)])
    bench.ring.publish()
    #expect(bench.hear(4) == .pattern(16))
    bench.feeds[0].pointee.hold()
    let memory = try bench.guest.remapped([0])
    bench.queue.pointee.move(to: memory)
    bench.feeds[0].pointee.unhold()
    #expect(rest(bench) == .init(repeating: 0, count: 48))
    #expect(bench.ring.takeUsed().count == 1)
    #expect(memory.regions.count == 1)
  }

  @Test(
    "a ring whose memory is gone can be flushed, stopped and started elsewhere (VU-058)", arguments: 0...3)
  func stopGone(how: Int) throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    for stream in [0, 1, 0, 1] { bench.ring.play(.pattern(16), stream: UInt32(stream)) }
    bench.ring.publish()
    _ = bench.hear(1, stream: 0)
    _ = bench.hear(4, stream: 1)
    let ring = GuestRing(bench.guest, size: 16)
    for feed in bench.feeds { feed.pointee.hold() }
    do {
      // The mapping that the ring was found in does not outlive this block.
      let passing = try bench.guest.remapped()
      bench.queue.pointee.move(to: passing)
      bench.queue.pointee.move(to: .empty)
    }
    if how & 1 != 0 { bench.feeds[0].pointee.flush(closing: false) }
    if how & 2 != 0 { _ = bench.feeds[1].pointee.skip(3) }
    #expect(bench.queue.pointee.suspend() == bench.ring.usedIndex)
    try bench.queue.pointee.start(ring.layout(), base: 0, memory: bench.guest.memory)
    bench.prepare(0, frameBytes: 4)
    ring.play(.pattern(8, from: 9))
    ring.publish()
    #expect(Array(rest(bench).suffix(8)) == .pattern(8, from: 9))
  }
}
