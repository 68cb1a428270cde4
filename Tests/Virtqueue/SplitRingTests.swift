// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Virtqueue

/// A ring with both its sides.
final class RingBench {
  let driver: GuestRing
  let guest: MemoryGuest
  var device: SplitRing

  init(
    size: Int = 8, start: UInt16 = 0, eventIndex: Bool = true, indirect: Bool = true,
    notifyOnEmpty: Bool = false
  ) throws {
    guest = try MemoryGuest()
    driver = GuestRing(guest, size: size, start: start)
    let layout = driver.layout(eventIndex: eventIndex, indirect: indirect, notifyOnEmpty: notifyOnEmpty)
    device = try SplitRing(layout, base: start, memory: guest.memory)
  }

  /// The driver adds buffers of one byte.
  @discardableResult
  func add(_ count: Int) -> [UInt16] {
    let address = guest.allocate(16, align: 1)
    let heads = (0..<count).map { _ in driver.add([.init(address, 1, writable: true)]) }
    driver.publish()
    return heads
  }

  // The macros of Testing copy what a call is made on, which a ring does not allow.
  func waiting() -> (count: UInt16, fault: RingFault?) { device.waiting() }
  func pop() -> (head: UInt16, fault: RingFault?) { device.pop() }
  func publish() -> Bool { device.publish() }
  func shouldNotify() -> Bool { device.shouldNotify() }
  func wantKicks() -> Bool { device.wantKicks() }
  func move(to memory: GuestMemory) throws { try device.move(to: memory) }
  var nextAvail: UInt16 { device.nextAvail }
  var nextUsed: UInt16 { device.nextUsed }

  /// The device takes what there is.
  func takeAll() throws -> [UInt16] {
    var heads: [UInt16] = []
    while true {
      let (count, fault) = device.waiting()
      if let fault { throw fault }
      if count == 0 { return heads }
      for _ in 0..<count {
        let (head, fault) = device.pop()
        if let fault { throw fault }
        heads.append(head)
      }
    }
  }

  /// The device returns `heads`; whether the driver is to be notified.
  func giveBack(_ heads: [UInt16]) -> Bool {
    for head in heads { device.push(head, length: 1) }
    return device.publish() && device.shouldNotify()
  }
}

@Suite("SplitRing")
struct SplitRingTests {
  @Test(
    "buffers of rings of every size come back with their ids, over the wrap of the indexes (VS-160…162)",
    arguments: (0...15).map { 1 << $0 }, [UInt16(0), 65_530])
  func sizes(size: Int, start: UInt16) throws {
    let bench = try RingBench(size: size, start: start)
    // At least twice around the ring, and past 65535 from the second start.
    for round in 0..<(size < 64 ? 40 : 3) {
      let count = size == 1 ? 1 : size - round % 2
      let heads = bench.add(count)
      #expect(try bench.takeAll() == heads)
      for (offset, head) in heads.enumerated() { bench.device.push(head, length: UInt32(offset)) }
      #expect(bench.publish())
      #expect(
        bench.driver.takeUsed()
          == heads.enumerated().map { .init(id: UInt32($1), length: UInt32($0)) }, "round \(round)")
    }
    #expect(bench.nextAvail == bench.nextUsed)
    #expect(bench.driver.usedIndex == bench.nextUsed)
  }

  @Test("the used index moves only when it is published, and once for a batch (VS-162, VS-185)")
  func batches() throws {
    let bench = try RingBench()
    bench.add(3)
    for head in try bench.takeAll() { bench.device.push(head, length: 7) }
    #expect(bench.driver.usedIndex == 0)
    #expect(bench.publish())
    #expect(bench.driver.usedIndex == 3)
    #expect(!bench.publish())
  }

  @Test("an avail index further ahead than the ring holds, or behind, is a fault of the ring (hostile 28)")
  func jumps() throws {
    for size in [1, 8, 256] {
      let bench = try RingBench(size: size, start: 100)
      bench.driver.claimAvailable(100 + UInt16(size))
      #expect(bench.waiting().count == UInt16(size))
      for wrong in [101 + UInt16(size), 99, 0, 40_000] {
        bench.driver.claimAvailable(wrong)
        #expect(bench.waiting().fault == .indexJumped, "\(wrong)")
      }
    }
  }

  @Test("a head that is not below the ring size is a fault, and is not taken (hostile 27)")
  func heads() throws {
    let bench = try RingBench(size: 8)
    for head: UInt16 in [8, 9, 255, 0x8000, 0xFFFF] { bench.driver.offer(head) }
    bench.driver.publish()
    #expect(bench.pop().fault == .headOutOfRange)
    #expect(bench.nextAvail == 0)
  }

  @Test("ring areas must be aligned and lie within one region each (VS-160, VU-055)")
  func areas() throws {
    let guest = try MemoryGuest()
    let ring = GuestRing(guest, size: 64)
    let good = ring.layout()
    func fault(_ change: (inout RingLayout) -> Void) -> RingFault? {
      var layout = good
      change(&layout)
      do throws(RingFault) {
        _ = try SplitRing(layout, base: 0, memory: guest.memory)
        return nil
      } catch { return error }
    }
    #expect(fault { _ in } == nil)
    #expect(fault { $0.descriptorTable += 8 } == .unaligned)
    #expect(fault { $0.availRing += 1 } == .unaligned)
    #expect(fault { $0.usedRing += 2 } == .unaligned)
    let end = guest.regions[0].userAddress + UInt64(guest.regions[0].size)
    #expect(fault { $0.descriptorTable = end - 1024 } == nil)
    #expect(fault { $0.descriptorTable = end - 1008 } == .unmapped)
    #expect(fault { $0.availRing = end - 134 } == nil)
    #expect(fault { $0.availRing = end - 132 } == .unmapped)
    // 518 bytes, so the last place is aligned and has two bytes behind it.
    #expect(fault { $0.usedRing = end - 520 } == nil)
    #expect(fault { $0.usedRing = end - 516 } == .unmapped)
    for wild: UInt64 in [0, 0xFFFF_FFFF_FFFF_FFF0, guest.regions[0].guestAddress] {
      #expect(fault { $0.descriptorTable = wild } == .unmapped)
      #expect(fault { $0.availRing = wild } == .unmapped)
      #expect(fault { $0.usedRing = wild } == .unmapped)
    }
  }

  @Test("entries that were given back are popped again, in order (VU-087)")
  func rewind() throws {
    let bench = try RingBench(size: 8, start: 65_534)
    let heads = bench.add(5)
    #expect(try bench.takeAll() == heads)
    bench.device.rewind(3)
    #expect(try bench.takeAll() == Array(heads[2...]))
  }

  @Test("a ring that moved to another mapping goes on where it was (VU-054)")
  func move() throws {
    let bench = try RingBench(size: 8, start: 65_530)
    let first = bench.add(4)
    #expect(try bench.takeAll() == first)

    let moved = try bench.guest.remapped()
    try bench.device.move(to: moved)
    #expect(throws: RingFault.unmapped) { try bench.move(to: .empty) }

    _ = bench.giveBack(first)
    #expect(bench.driver.takeUsed().map(\.id) == first.map { UInt32($0) })
    let second = bench.add(8)
    #expect(try bench.takeAll() == second)
  }
}
