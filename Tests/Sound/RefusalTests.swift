// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization
import TestSupport
import Testing
import Virtqueue

@Suite("TransferQueue: what is refused")
struct RefusalTests {
  private func expectIOError(_ bench: TransferBench, _ message: GuestRing.Message, _ comment: String) {
    bench.ring.publish()
    bench.queue.pointee.service()
    #expect(
      bench.ring.takeUsed() == [.init(id: UInt32(message.head), length: 8)], Comment(rawValue: comment))
    #expect(bench.ring.status(of: message) == (0x8003, 0), Comment(rawValue: comment))
  }

  @Test(
    "a stream that does not exist, or has the other direction, gets IO_ERR at once (B3, hostile 17, 18)",
    arguments: [false, true])
  func wrongStream(isCapture: Bool) throws {
    // Streams 0 and 1 have the direction of the queue, 2 has the other one.
    let bench = try TransferBench(isCapture: isCapture, streams: 2)
    for id: UInt32 in [2, 3, 64, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
      let message =
        isCapture ? bench.ring.record(64, stream: id) : bench.ring.play(.pattern(64), stream: id)
      expectIOError(bench, message, "stream \(id)")
    }
    #expect(bench.queue.pointee.refused.load(ordering: .relaxed) == 6)
  }

  @Test(
    "a stream that is not prepared gets IO_ERR at once, and after RELEASE again (B2, VS-112)",
    arguments: [false, true])
  func notPrepared(isCapture: Bool) throws {
    let bench = try TransferBench(isCapture: isCapture, frameBytes: nil)
    func send() -> GuestRing.Message { isCapture ? bench.ring.record(64) : bench.ring.play(.pattern(64)) }
    expectIOError(bench, send(), "initial")
    bench.prepare(0, frameBytes: 4)
    let held = send()
    bench.ring.publish()
    bench.queue.pointee.service()
    #expect(bench.ring.takeUsed().isEmpty)
    bench.release(0)
    #expect(bench.ring.takeUsed().map(\.id) == [UInt32(held.head)])
    expectIOError(bench, send(), "released")
  }

  @Test("a header of 0 to 3 bytes is answered with IO_ERR where 8 bytes fit (hostile 19)")
  func cutHeader() throws {
    for isCapture in [false, true] {
      for count in 0...3 {
        let bench = try TransferBench(isCapture: isCapture)
        let bytes = [UInt8](repeating: 0, count: count)
        expectIOError(bench, bench.ring.send([bytes], [.init(repeating: 1, count: 8)]), "\(count) bytes")
        let without = bench.ring.send([bytes], [.init(repeating: 1, count: 7)])
        bench.ring.publish()
        bench.queue.pointee.service()
        #expect(bench.ring.takeUsed() == [.init(id: UInt32(without.head), length: 0)])
        #expect(bench.ring.gather(without.writable) == .init(repeating: 1, count: 7))
      }
    }
  }

  @Test(
    "without 8 writable bytes a message is neither played nor recorded on, its length is 0 (hostile 20, 22)",
    arguments: [false, true], 0...7)
  func noStatus(isCapture: Bool, room: Int) throws {
    let bench = try TransferBench(isCapture: isCapture)
    let data: [UInt8] = isCapture ? [] : .pattern(64)
    let message = bench.ring.send([.little(UInt32(0)), data], [.init(repeating: 1, count: room)])
    let good = isCapture ? bench.ring.record(4) : bench.ring.play([1, 2, 3, 4])
    bench.ring.publish()
    if isCapture {
      #expect(bench.speak([1, 2, 3, 4]) == 4)
      #expect(bench.ring.recorded(good) == [1, 2, 3, 4])
    } else {
      #expect(bench.hear(64) == [1, 2, 3, 4])
    }
    let used = bench.ring.takeUsed()
    #expect(used.map(\.id) == [UInt32(message.head), UInt32(good.head)])
    #expect(used[0].length == 0)
    #expect(bench.ring.gather(message.writable) == .init(repeating: 1, count: room))
  }

  @Test("a malformed chain comes back once and the next message plays (VS-190)")
  func malformed() throws {
    let bench = try TransferBench(isCapture: false, size: 8)
    let ring = bench.ring
    let data = bench.guest.allocate(64)
    for flags: UInt16 in [1, 4, 5] {
      // A loop, a table of a wrong length, a table with a next one.
      ring.setDescriptor(0, data, 15, flags, 0)
      ring.offer(0)
      ring.publish()
      bench.queue.pointee.service()
      #expect(ring.takeUsed() == [.init(id: 0, length: 0)])
    }
    ring.play(.pattern(8))
    ring.publish()
    #expect(bench.hear(4) == .pattern(8))
    #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == 0)
  }

  @Test("what claims more bytes than a message may have is refused, not played (hostile 23)")
  func huge() throws {
    let bench = try TransferBench(isCapture: false)
    let header = bench.guest.allocate(4)
    let status = bench.guest.allocate(8)
    bench.guest.write([0, 0, 0, 0], at: header)
    bench.ring.add([.init(header, 4), .init(header, 0xFFFF_FFFF), .init(status, 8, writable: true)])
    bench.ring.publish()
    #expect(bench.hear(4).isEmpty)
    #expect(bench.ring.takeUsed().map(\.length) == [0])
  }

  @Test("the stream of a message is what its header said when it was taken (VS-123, hostile 34)")
  func headerChanges() throws {
    let bench = try TransferBench(isCapture: false, streams: 2)
    let message = bench.ring.play(.pattern(8), stream: 1)
    bench.ring.publish()
    bench.queue.pointee.service()
    bench.guest.write([0xFF, 0xFF, 0xFF, 0xFF], at: message.readable[0].address)
    #expect(bench.hear(8, stream: 0).isEmpty)
    #expect(bench.hear(8, stream: 1) == .pattern(8))
  }

  // MARK: Broken rings

  @Test("an index that jumps stops the ring, tells the control thread, and nothing else (hostile 28)")
  func jump() throws {
    let bench = try TransferBench(isCapture: false, size: 8, start: 65_533)
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    #expect(bench.hear(1) == .pattern(4))
    for wrong: UInt16 in [65_533 &+ 10, 65_533, 30_000] {
      bench.ring.claimAvailable(wrong)
      #expect(bench.hear(0).isEmpty)
    }
    #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == 3)
    #expect(bench.attention.readEvent() == .signalled)
    #expect(bench.attention.readEvent() == .nothing, "it is said once")
    // What was taken before plays on.
    #expect(bench.hear(64) == .pattern(4, from: 4))
    // What comes after is not looked at.
    bench.ring.claimAvailable(bench.ring.nextAvail)
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    #expect(bench.hear(64).isEmpty)

    let base = bench.suspend()
    #expect(base == bench.ring.usedIndex)
    try bench.resume(base: base)
    #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == 0)
    #expect(bench.hear(64) == .pattern(8))
  }

  @Test("a head outside the ring, or twice in flight, stops the ring (hostile 27, 29)")
  func heads() throws {
    for (twice, code) in [(false, UInt8(4)), (true, 5)] {
      let bench = try TransferBench(isCapture: false, size: 8)
      let good = bench.ring.play(.pattern(8))
      bench.ring.offer(twice ? good.head : 8)
      bench.ring.publish()
      #expect(bench.hear(64) == .pattern(8))
      #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == code)
      #expect(bench.ring.takeUsed() == [.init(id: UInt32(good.head), length: 8)])
      let base = bench.suspend()
      #expect(base == bench.ring.usedIndex, "the entry that was wrong was not taken")
    }
  }

  /// A ring of which each entry is the same table of 4096 descriptors, for a stream that does not exist.
  private func heavyRing(size: Int) throws -> TransferBench {
    let bench = try TransferBench(isCapture: false, size: size)
    let header = bench.guest.allocate(4)
    bench.guest.write([9, 0, 0, 0], at: header)
    let table = bench.ring.table(of: (0..<4096).map { _ in .init(header, 4) })
    for head in 0..<UInt16(size) {
      bench.ring.setDescriptor(head, table, 4096 * 16, GuestRing.Flag.indirect, 0)
      bench.ring.offer(head)
    }
    bench.ring.publish()
    return bench
  }

  @Test("of a ring full of endless chains each call reads a bounded number of descriptors (VS-193)")
  func budget() throws {
    let bench = try heavyRing(size: 16)
    for call in 1...4 {
      #expect(bench.hear(1).isEmpty)
      #expect(bench.ring.usedIndex == 4 * call)
      #expect(bench.attention.readEvent() == (call < 4 ? .signalled : .nothing), "call \(call)")
    }
    #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == 0)
  }

  @Test("a RELEASE stops a ring that it would take long to empty (VS-193)")
  func overfull() throws {
    let bench = try heavyRing(size: 512)
    bench.feeds[0].pointee.hold()

    bench.feeds[0].pointee.flush(closing: true)

    #expect(bench.queue.pointee.fault.load(ordering: .relaxed) == RingFault.overfull.code)
    #expect(bench.ring.usedIndex <= 4 * 65)
  }

  @Test("garbage in used_event and in the flags is at worst a notification too many or too few (hostile 35)")
  func garbageEvents() throws {
    let bench = try TransferBench(isCapture: false, size: 4)
    for round in 0..<200 {
      bench.ring.setUsedEvent(UInt16(truncatingIfNeeded: round * 7919))
      bench.ring.setAvailFlags(UInt16(truncatingIfNeeded: round * 31))
      let message = bench.ring.play(.pattern(4, from: round))
      bench.ring.publish()
      #expect(bench.hear(1) == .pattern(4, from: round))
      #expect(bench.ring.takeUsed().count == 1)
      bench.ring.free(message, cut: .fields)
    }
  }

  @Test("rings that overlap their own buffers break nothing but themselves (hostile 33)")
  func overlapping() throws {
    let bench = try TransferBench(isCapture: true, size: 8)
    let header = bench.guest.allocate(4)
    bench.guest.write([0, 0, 0, 0], at: header)
    for area in [bench.ring.descriptorTable, bench.ring.availRing, bench.ring.usedRing] {
      bench.ring.add([.init(header, 4), .init(area, 72, writable: true)])
      bench.ring.publish()
      _ = bench.speak(.pattern(64))
      _ = bench.speak(.pattern(64))
    }
    _ = bench.suspend()
  }
}
