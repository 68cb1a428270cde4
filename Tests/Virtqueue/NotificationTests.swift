// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Virtqueue

@Suite("SplitRing: notifications")
struct NotificationTests {
  @Test("without EVENT_IDX the avail flags decide, batch by batch (VS-180)")
  func flags() throws {
    let bench = try RingBench(eventIndex: false)
    for (flags, wanted) in [(UInt16(0), true), (1, false), (0, true), (0xFFFE, true), (0xFFFF, false)] {
      bench.driver.setAvailFlags(flags)
      bench.driver.setUsedEvent(0xFFFF)
      bench.add(3)
      #expect(bench.giveBack(try bench.takeAll()) == wanted, "flags \(flags)")
      _ = bench.driver.takeUsed()
    }
  }

  @Test("with EVENT_IDX the flags mean nothing, and the first batch is always announced (VS-181)")
  func firstBatch() throws {
    let bench = try RingBench()
    bench.driver.setAvailFlags(1)
    bench.driver.setUsedEvent(5000)
    bench.add(1)
    #expect(bench.giveBack(try bench.takeAll()))
    bench.add(1)
    #expect(!bench.giveBack(try bench.takeAll()))
  }

  @Test(
    "with EVENT_IDX a batch is announced if used_event lies in it, over every wrap (VS-181)",
    arguments: [UInt16(0), 100, 65_525, 65_535])
  func eventIndex(start: UInt16) throws {
    for batch in [1, 2, 3, 8] {
      for distance in -3...10 {
        let bench = try RingBench(start: start)
        bench.add(1)
        _ = bench.giveBack(try bench.takeAll())
        _ = bench.driver.takeUsed()
        let old = start &+ 1

        bench.driver.setUsedEvent(old &+ UInt16(bitPattern: Int16(distance)))
        bench.add(batch)
        let notified = bench.giveBack(try bench.takeAll())

        #expect(notified == (0..<batch).contains(distance), "batch \(batch), event at \(distance)")
      }
    }
  }

  @Test("what was published without asking counts in the next decision (VS-181)")
  func postponed() throws {
    let bench = try RingBench()
    bench.add(1)
    _ = bench.giveBack(try bench.takeAll())
    bench.driver.setUsedEvent(1)
    bench.add(1)
    for head in try bench.takeAll() { bench.device.push(head, length: 0) }
    #expect(bench.publish())
    bench.add(1)
    #expect(bench.giveBack(try bench.takeAll()))
    #expect(!bench.shouldNotify())
  }

  @Test("NOTIFY_ON_EMPTY announces whenever nothing is left, whatever else is said (VS-011)")
  func notifyOnEmpty() throws {
    for eventIndex in [false, true] {
      let bench = try RingBench(eventIndex: eventIndex, notifyOnEmpty: true)
      bench.driver.setAvailFlags(1)
      bench.driver.setUsedEvent(0x7000)
      bench.add(1)
      _ = bench.giveBack(try bench.takeAll())

      bench.add(2)
      let (first, _) = bench.device.pop()
      #expect(!bench.giveBack([first]))
      let (second, _) = bench.device.pop()
      #expect(bench.giveBack([second]))
    }
  }

  @Test("a kick is wanted for the very next buffer, and one that is there already is seen (VS-183)")
  func kicks() throws {
    for eventIndex in [false, true] {
      let bench = try RingBench(start: 65_534, eventIndex: eventIndex)
      for _ in 0..<5 {
        #expect(!bench.wantKicks())
        bench.add(2)
        #expect(bench.driver.mustKick(afterAdding: 2, eventIndex: eventIndex))
        #expect(bench.wantKicks())
        _ = bench.giveBack(try bench.takeAll())
        _ = bench.driver.takeUsed()
      }
      bench.driver.claimAvailable(20_000)
      #expect(bench.wantKicks(), "a fault has to be looked at too")
    }
  }

  @Test("no kick comes for whatever is added after kicks were refused (VS-063, VS-183)")
  func refused() throws {
    for eventIndex in [false, true] {
      let bench = try RingBench(start: 65_530, eventIndex: eventIndex)
      for count in [1, 8, 3, 8, 8] {
        bench.device.refuseKicks()
        bench.add(count)
        #expect(!bench.driver.mustKick(afterAdding: UInt16(count), eventIndex: eventIndex))
        _ = bench.giveBack(try bench.takeAll())
        _ = bench.driver.takeUsed()
      }
      #expect(bench.driver.usedFlags == (eventIndex ? 0 : 1))
    }
  }
}
