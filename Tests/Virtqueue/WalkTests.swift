// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Virtqueue

@Suite("SplitRing: chains")
struct WalkTests {
  typealias Piece = GuestRing.Piece
  typealias Flag = GuestRing.Flag

  /// Walks the next chain; its pieces, as far as they were valid, and the fault.
  private func walk(
    _ bench: RingBench, _ pool: inout SegmentPool
  ) -> (pieces: [Piece], chain: Chain, fault: ChainFault?) {
    let (head, _) = bench.device.pop()
    let (chain, fault) = bench.device.walk(head, bench.guest.memory.guestView, &pool)
    var pieces: [Piece] = []
    for (first, writable) in [(chain.readable, false), (chain.writable, true)] {
      var index = first
      while index != SegmentPool.none {
        let segment = pool.view.segment(index)
        pieces.append(Piece(segment.address, Int(segment.length), writable: writable))
        index = segment.next
      }
    }
    return (pieces, chain, fault)
  }

  private func walkOne(_ bench: RingBench) -> (pieces: [Piece], chain: Chain, fault: ChainFault?) {
    var pool = SegmentPool(capacity: 8192)
    return walk(bench, &pool)
  }

  private func pieces(_ guest: MemoryGuest, readable: Int, writable: Int) -> [Piece] {
    (0..<readable + writable).map { index in
      Piece(guest.allocate(40, align: 1), 1 + index % 32, writable: index >= readable)
    }
  }

  @Test(
    "a chain comes out the same directly, in a table, or begun directly and ended in one (VS-161…166)",
    arguments: [
      GuestRing.Form.direct, .indirect, .mixed(direct: 1), .mixed(direct: 3), .mixed(direct: 7),
    ])
  func forms(form: GuestRing.Form) throws {
    for (readable, writable) in [(1, 0), (0, 1), (1, 1), (3, 5), (8, 0), (0, 8), (7, 1)] {
      let bench = try RingBench(size: 16)
      let wanted = pieces(bench.guest, readable: readable, writable: writable)
      bench.driver.add(wanted, as: form)
      bench.driver.publish()

      let walked = walkOne(bench)

      #expect(walked.fault == nil)
      #expect(walked.pieces == wanted)
      #expect(walked.chain.readableBytes == wanted.filter { !$0.isWritable }.reduce(0) { $0 + $1.length })
      #expect(walked.chain.writableBytes == wanted.filter(\.isWritable).reduce(0) { $0 + $1.length })
    }
  }

  @Test(
    "an indirect table may be far longer than the ring, up to the limit (VS-165)",
    arguments: [65, 1024, 4096])
  func longTables(count: Int) throws {
    let bench = try RingBench(size: 8)
    let wanted = pieces(bench.guest, readable: count / 2, writable: count - count / 2)
    bench.driver.add(wanted, as: .indirect)
    bench.driver.publish()
    let walked = walkOne(bench)
    #expect(walked.fault == nil)
    #expect(walked.pieces == wanted)
  }

  @Test("empty pieces are skipped, wherever they are, and a chain may be all empty (VS-195)")
  func emptyPieces() throws {
    let bench = try RingBench(size: 16)
    let data = bench.guest.allocate(64)
    bench.driver.add([
      Piece(0, 0), Piece(data, 4), Piece(0xFFFF_FFFF_FFFF_FFFF, 0), Piece(0, 0, writable: true),
      Piece(data + 8, 8, writable: true), Piece(1, 0, writable: true),
    ])
    bench.driver.add([Piece(0, 0), Piece(0, 0, writable: true)])
    bench.driver.publish()
    let first = walkOne(bench)
    #expect(first.fault == nil)
    #expect(first.pieces == [Piece(data, 4), Piece(data + 8, 8, writable: true)])
    let second = walkOne(bench)
    #expect(second.fault == nil && second.pieces.isEmpty)
    #expect(second.chain.readableBytes == 0 && second.chain.writableBytes == 0)
  }

  @Test("a piece may lie across the border of two regions (VS-168)")
  func straddling() throws {
    let bench = try RingBench()
    let border = bench.guest.regions[1].guestAddress
    bench.driver.add([Piece(border - 5, 12), Piece(border - 1, 2, writable: true)])
    bench.driver.publish()
    bench.guest.write(.pattern(12), at: border - 5)

    var pool = SegmentPool(capacity: 8)
    let walked = walk(bench, &pool)

    #expect(walked.fault == nil)
    let view = bench.guest.memory.guestView
    var cursor = SegmentCursor(walked.chain.readable)
    var bytes = [UInt8](repeating: 0, count: 12)
    cursor.read(&bytes, 12, pool.view, view)
    #expect(bytes == .pattern(12))
    var writer = SegmentCursor(walked.chain.writable)
    writer.write([1, 2] as [UInt8], 2, pool.view, view)
    #expect(bench.guest.read(2, at: border - 1) == [1, 2])
  }

  // MARK: Hostile chains

  /// A wrong chain at descriptors 0 to 7 of a ring of 8, its head 0.
  enum Wrong: String, CaseIterable, Sendable {
    case selfLoop, twoNodeLoop, loopThroughTable
    case nextOutside, nextFarOutside, tableNextOutside
    case headIndirectEmpty, indirectNotMultiple, indirectTooLong, tableOutside, tableWraps, tableCut
    case nested, indirectWithNext, indirectWithNextInside
    case addressWraps, addressInHole, halfMapped, lengthHuge
    case readableAfterWritable, readableAfterWritableInTable
    case tooManyBytes
  }

  private func write(_ wrong: Wrong, _ bench: RingBench) -> ChainFault {
    let (ring, guest) = (bench.driver, bench.guest)
    let data = guest.allocate(64)
    let end = guest.regions[1].end
    func table(_ pieces: [Piece]) -> UInt64 { ring.table(of: pieces) }
    func indirect(_ address: UInt64, _ length: UInt32, _ flags: UInt16 = Flag.indirect) {
      ring.setDescriptor(0, address, length, flags, 1)
    }
    ring.setDescriptor(1, data, 8, 0, 0)
    switch wrong {
    case .selfLoop:
      ring.setDescriptor(0, data, 1, Flag.next, 0)
      return .tooManyDescriptors
    case .twoNodeLoop:
      ring.setDescriptor(0, data, 1, Flag.next, 1)
      ring.setDescriptor(1, data, 0, Flag.next, 0)
      return .tooManyDescriptors
    case .loopThroughTable:
      let place = table([Piece(data, 1), Piece(data, 0)])
      ring.writeDescriptor(at: place + 16, data, 0, Flag.next, 0)
      indirect(place, 32)
      return .tooManyDescriptors
    case .nextOutside:
      ring.setDescriptor(0, data, 1, Flag.next, 8)
      return .nextOutOfRange
    case .nextFarOutside:
      ring.setDescriptor(0, data, 1, Flag.next, 0xFFFF)
      return .nextOutOfRange
    case .tableNextOutside:
      let place = table([Piece(data, 1), Piece(data, 1)])
      ring.writeDescriptor(at: place, data, 1, Flag.next, 2)
      indirect(place, 32)
      return .nextOutOfRange
    case .headIndirectEmpty:
      indirect(data, 0)
      return .indirectLength
    case .indirectNotMultiple:
      indirect(table([Piece(data, 1), Piece(data, 1)]), 31)
      return .indirectLength
    case .indirectTooLong:
      indirect(guest.allocate(16 * 4097), 16 * 4097)
      return .indirectLength
    case .tableOutside:
      indirect(end + 0x1000, 32)
      return .unmapped
    case .tableWraps:
      // Its second entry would be at address 0.
      indirect(0xFFFF_FFFF_FFFF_FFF0, 32)
      return .unmapped
    case .tableCut:
      ring.writeDescriptor(at: end - 16, data, 1, Flag.next, 1)
      indirect(end - 16, 32)
      return .unmapped
    case .nested:
      let place = table([Piece(data, 1), Piece(data, 16)])
      ring.writeDescriptor(at: place + 16, place, 16, Flag.indirect, 0)
      indirect(place, 32)
      return .indirectNested
    case .indirectWithNext:
      indirect(table([Piece(data, 1)]), 16, Flag.indirect | Flag.next)
      return .indirectWithNext
    case .indirectWithNextInside:
      let place = table([Piece(data, 1)])
      ring.writeDescriptor(at: place, place, 16, Flag.indirect | Flag.next, 0)
      indirect(place, 16)
      return .indirectNested
    case .addressWraps:
      ring.setDescriptor(0, 0xFFFF_FFFF_FFFF_FFF8, 16, 0, 0)
      return .unmapped
    case .addressInHole:
      ring.setDescriptor(0, end + 64, 4, 0, 0)
      return .unmapped
    case .halfMapped:
      ring.setDescriptor(0, end - 4, 8, Flag.write, 0)
      return .unmapped
    case .lengthHuge:
      ring.setDescriptor(0, data, 0xFFFF_FFFF, 0, 0)
      return .tooManyBytes
    case .readableAfterWritable:
      ring.setDescriptor(0, data, 8, Flag.write | Flag.next, 1)
      return .readableAfterWritable
    case .readableAfterWritableInTable:
      indirect(table([Piece(data, 4, writable: true), Piece(data, 4)]), 32)
      return .readableAfterWritable
    case .tooManyBytes:
      // Each piece is within the memory; together they are more than a message can be.
      let part = Piece(guest.regions[0].guestAddress, 1 << 21)
      indirect(table(Array(repeating: part, count: 33)), 16 * 33)
      return .tooManyBytes
    }
  }

  @Test(
    "a malformed chain is a fault of the chain, and the next one is fine (VS-190, hostile 25, 26, 30…32)",
    arguments: Wrong.allCases)
  func malformed(wrong: Wrong) throws {
    let bench = try RingBench(size: 8)
    let fault = write(wrong, bench)
    bench.driver.offer(0)
    let good = Piece(bench.guest.allocate(16), 16)
    bench.driver.setDescriptor(7, good.address, good.length, 0, 0)
    bench.driver.offer(7)
    bench.driver.publish()

    #expect(walkOne(bench).fault == fault)
    let next = walkOne(bench)
    #expect(next.fault == nil && next.pieces == [good])
  }

  @Test("an indirect table without the feature is a fault of the chain (hostile 30)")
  func notNegotiated() throws {
    let bench = try RingBench(indirect: false)
    bench.driver.add(pieces(bench.guest, readable: 1, writable: 1), as: .indirect)
    bench.driver.publish()
    #expect(walkOne(bench).fault == .indirectNotNegotiated)
  }

  @Test("a chain as long as the ring is good, in a ring of any size (VS-193)", arguments: [1, 2, 64, 1024])
  func fullRing(size: Int) throws {
    let bench = try RingBench(size: size)
    let wanted = pieces(bench.guest, readable: size / 2, writable: size - size / 2)
    bench.driver.add(wanted)
    bench.driver.publish()
    let walked = walkOne(bench)
    #expect(walked.fault == nil && walked.pieces == wanted)
  }

  @Test("an indirect table may lie at any address and across regions (VS-164, VS-168)", arguments: 0...17)
  func oddTables(offset: Int) throws {
    let bench = try RingBench(size: 8)
    let wanted = pieces(bench.guest, readable: 2, writable: 2)
    let source = bench.driver.table(of: wanted)
    let place = bench.guest.regions[1].guestAddress - 32 + UInt64(offset)
    bench.guest.write(bench.guest.read(64, at: source), at: place)
    bench.driver.setDescriptor(0, place, 64, Flag.indirect | Flag.write, 0)
    bench.driver.offer(0)
    bench.driver.publish()
    let walked = walkOne(bench)
    #expect(walked.fault == nil && walked.pieces == wanted)
  }

  @Test("when all segments are in use a chain is refused, and taken once some came back (VS-196)")
  func poolExhausted() throws {
    let bench = try RingBench(size: 8)
    let wanted = pieces(bench.guest, readable: 3, writable: 2)
    for _ in 0..<4 { bench.driver.add(wanted, as: .indirect) }
    bench.driver.publish()
    var pool = SegmentPool(capacity: 12)
    let first = walk(bench, &pool)
    #expect(walk(bench, &pool).fault == nil)
    let third = walk(bench, &pool)
    #expect(third.fault == .poolExhausted)
    for chain in [first.chain, third.chain] {
      pool.release(chain.readable)
      pool.release(chain.writable)
    }
    let fourth = walk(bench, &pool)
    #expect(fourth.fault == nil && fourth.pieces == wanted)
  }

  @Test("what the guest changes after the walk changes nothing (VS-194, hostile 34)")
  func singleFetch() throws {
    let bench = try RingBench(size: 8)
    let wanted = pieces(bench.guest, readable: 2, writable: 2)
    bench.driver.add(wanted)
    bench.driver.publish()
    var pool = SegmentPool(capacity: 16)
    let (head, _) = bench.device.pop()
    let (chain, _) = bench.device.walk(head, bench.guest.memory.guestView, &pool)
    for index in 0..<8 { bench.driver.setDescriptor(UInt16(index), 0, 0xFFFF_FFFF, 7, 0xFFFF) }
    #expect(pool.view.segment(chain.readable).address == wanted[0].address)
    #expect(chain.writableBytes == wanted[2].length + wanted[3].length)
  }
}
