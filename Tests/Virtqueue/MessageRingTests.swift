// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Virtqueue

@Suite("MessageRing")
struct MessageRingTests {
  private func rings(size: Int = 8, start: UInt16 = 0) throws -> (driver: GuestRing, device: MessageRing) {
    let guest = try MemoryGuest()
    let driver = GuestRing(guest, size: size, start: start)
    return (driver, try MessageRing(driver.layout(), base: start, memory: guest.memory))
  }

  @Test(
    "a request is read and answered whatever its descriptors are (VS-021, VS-025)",
    arguments: [
      GuestRing.Cut.fields, .parts, .pieces([1], gap: 1), .pieces([3, 5], gap: 0), .pieces([100], gap: 4),
    ])
  func cuts(cut: GuestRing.Cut) throws {
    let (driver, device) = try rings(start: 65_534)
    for round in 0..<4 {
      let message = driver.send(
        [.pattern(4, from: round), .pattern(20, from: 4 + round)], [.init(repeating: 1, count: 40)], cut: cut,
        as: .indirect)
      driver.publish()
      let taken = try #require(try device.next())
      #expect(taken.bytes == .pattern(24, from: round))
      #expect(taken.fault == nil && taken.chain.writableBytes == 40)
      #expect(try device.next() == nil)
      device.write(.pattern(10), at: 7, to: taken)
      device.fillZeros(from: 30, to: 35, of: taken)
      device.complete(taken, length: 35)
      #expect(driver.usedIndex == UInt16(truncatingIfNeeded: 65_534 + round))
      #expect(device.publish())
      #expect(driver.takeUsed() == [.init(id: UInt32(message.head), length: 35)])
      let expected: [UInt8] =
        .init(repeating: 1, count: 7) + .pattern(10) + .init(repeating: 1, count: 13)
        + .init(repeating: 0, count: 5) + .init(repeating: 1, count: 5)
      #expect(driver.gather(message.writable) == expected)
      driver.setUsedEvent(driver.usedIndex)
    }
  }

  @Test("of a long request the first 256 bytes are read; an answer is cut to its room (VS-028, VS-197)")
  func bounds() throws {
    let (driver, device) = try rings()
    let message = driver.send([.pattern(5000)], [.init(repeating: 1, count: 6)])
    driver.publish()
    let taken = try #require(try device.next())
    #expect(taken.bytes == .pattern(256))
    device.write(.pattern(100), at: 4, to: taken)
    device.write(.pattern(100), at: 6, to: taken)
    device.write(.pattern(100), at: 7000, to: taken)
    device.fillZeros(from: 5, to: .max, of: taken)
    #expect(driver.gather(message.writable) == [1, 1, 1, 1, 0, 0])
  }

  @Test("answers come in any order, each once (VS-031, VS-135)")
  func anyOrder() throws {
    let (driver, device) = try rings()
    for index in 0..<4 { driver.send([.pattern(8, from: index)], [.init(repeating: 0, count: 4)]) }
    driver.publish()
    var messages: [MessageRing.Message] = []
    while let message = try device.next() { messages.append(message) }
    #expect(messages.count == 4)
    for index in [2, 0, 0, 3, 2] { device.complete(messages[index], length: 4) }
    #expect(device.publish())
    #expect(driver.takeUsed().map(\.id) == [2, 0, 3].map { UInt32(messages[$0].chain.head) })
  }

  @Test("a malformed chain is handed out with its fault, and the ring goes on (VS-190)")
  func malformed() throws {
    let (driver, device) = try rings()
    let data = driver.guest.allocate(16)
    driver.setDescriptor(0, data, 8, GuestRing.Flag.write | GuestRing.Flag.next, 0)
    driver.offer(0)
    driver.publish()
    let wrong = try #require(try device.next())
    #expect(wrong.fault == .tooManyDescriptors)
    #expect(wrong.chain.writableBytes >= 4)
    device.complete(wrong, length: 0)
    driver.setDescriptor(1, data, 8, 0, 0)
    driver.offer(1)
    driver.publish()
    #expect(try device.next()?.fault == nil)
  }

  @Test("a head that is in flight already is a fault, and is not taken (hostile 29)")
  func twice() throws {
    let (driver, device) = try rings()
    let message = driver.send([.pattern(8)], [.init(repeating: 0, count: 4)])
    driver.offer(message.head)
    driver.publish()
    let taken = try #require(try device.next())
    #expect(throws: RingFault.headInFlight) { try device.next() }
    device.complete(taken, length: 0)
    #expect(device.finish(answering: []) == 1)
    #expect(device.usedIndex == 1)
  }

  @Test("at a stop the newest requests are given back, older ones are answered (VU-087)")
  func finish() throws {
    let (driver, device) = try rings(size: 16, start: 65_534)
    let sent = (0..<5).map { driver.send([.pattern(8, from: $0)], [.init(repeating: 0, count: 4)]) }
    driver.publish()
    var messages: [MessageRing.Message] = []
    while let message = try device.next() { messages.append(message) }
    device.complete(messages[2], length: 4)

    let base = device.finish(answering: [3, 0x80, 0, 0])

    #expect(base == 1 && base == driver.usedIndex)
    let used = driver.takeUsed()
    #expect(used.count == 3)
    #expect(Set(used.map(\.id)) == Set(sent[..<3].map { UInt32($0.head) }))
    for index in [0, 1] { #expect(driver.gather(sent[index].writable) == [3, 0x80, 0, 0]) }
    let again = try MessageRing(driver.layout(), base: base, memory: driver.guest.memory)
    #expect(try again.next()?.bytes == .pattern(8, from: 3))
    #expect(try again.next()?.bytes == .pattern(8, from: 4))
    #expect(try again.next() == nil)
  }

  @Test("requests in flight are answered where the memory is now, and wait while it is gone (VU-054, VU-058)")
  func move() throws {
    let (driver, device) = try rings()
    let message = driver.send([.pattern(8)], [.init(repeating: 0, count: 4)])
    driver.publish()
    let taken = try #require(try device.next())
    let moved = try driver.guest.remapped()
    try device.move(to: moved)
    #expect(throws: RingFault.unmapped) { try device.move(to: .empty) }
    device.complete(taken, length: 4)
    #expect(!device.publish() && driver.usedIndex == 0)
    try device.move(to: moved)
    device.write([9, 8, 7, 6], at: 0, to: taken)
    device.complete(taken, length: 4)
    #expect(device.publish())
    #expect(driver.takeUsed().count == 1)
    #expect(driver.gather(message.writable) == [9, 8, 7, 6])
  }

  @Test("kicks are asked for, refused, and not missed (VS-183)")
  func kicks() throws {
    let (driver, device) = try rings()
    #expect(!device.wantKicks())
    driver.send([.pattern(8)], [])
    driver.publish()
    #expect(driver.mustKick(afterAdding: 1, eventIndex: true))
    #expect(device.wantKicks())
    _ = try device.next()
    device.refuseKicks()
    driver.send([.pattern(8)], [])
    driver.publish()
    #expect(!driver.mustKick(afterAdding: 1, eventIndex: true))
  }
}
