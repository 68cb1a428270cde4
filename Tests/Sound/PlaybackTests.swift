// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Sound
import Synchronization
import TestSupport
import Testing

/// Frames of every width that a stream can have: 1…18 channels of 1, 2, 3, 4 or 8 bytes.
let frameWidths = Set((1...18).flatMap { channels in [1, 2, 3, 4, 8].map { channels * $0 } }).sorted()

/// Ways to spread a message that a driver may choose (VS-111).
let awkwardCuts: [GuestRing.Cut] = [
  .fields, .parts, .pieces([1], gap: 1), .pieces([3], gap: 0), .pieces([7, 1, 13, 2], gap: 5),
  .pieces([64, 5], gap: 0), .pieces([4, 4096], gap: 3),
]

@Suite("Feed: playback")
struct PlaybackTests {
  @Test(
    "every frame of every message is heard once, in order, whatever its descriptors and the loans are (B1)",
    arguments: awkwardCuts)
  func exact(cut: GuestRing.Cut) throws {
    let guest = try MemoryGuest()
    for frameBytes in frameWidths {
      let bench = try TransferBench(isCapture: false, start: 65_530, frameBytes: frameBytes, guest: guest)
      let frames = [1, 7, 16, 3, 13]
      var played = 0
      var messages: [GuestRing.Message] = []
      for count in frames {
        let data = [UInt8].pattern(count * frameBytes, from: played)
        messages.append(bench.ring.play(data, cut: cut, as: .indirect))
        played += data.count
      }
      bench.ring.publish()

      var heard: [UInt8] = []
      var returned: [GuestRing.Used] = []
      for (wanted, most) in [(1, 1), (5, 2), (9, 9), (64, 0), (64, 11)] + Array(repeating: (64, 64), count: 9)
      {
        heard += bench.hear(wanted, most: most)
        returned += bench.ring.takeUsed()
        // VS-114: completed when all of it is consumed, and at once then.
        let ends = frames.indices.map { frames[...$0].reduce(0, +) * frameBytes }
        let through = ends.prefix { $0 <= heard.count }.count
        #expect(returned.count == through, "frames of \(frameBytes), \(heard.count) bytes heard")
      }

      #expect(heard == .pattern(played), "frames of \(frameBytes)")
      #expect(returned == messages.map { .init(id: UInt32($0.head), length: 8) })
      for message in messages {
        #expect(bench.ring.status(of: message) == (0x8000, 0))
        bench.ring.free(message, cut: cut)
      }
      #expect(bench.feeds[0].pointee.committed.load(ordering: .relaxed) == 40)
      #expect(bench.queue.pointee.refused.load(ordering: .relaxed) == 0)
    }
  }

  @Test("loans of one span at a time are as exact (VS-111)", arguments: awkwardCuts)
  func oneSpan(cut: GuestRing.Cut) throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    for index in 0..<3 { bench.ring.play(.pattern(120, from: index * 120), cut: cut, as: .indirect) }
    bench.ring.publish()
    var heard: [UInt8] = []
    while true {
      let part = bench.hear(100, capacity: 1)
      if part.isEmpty { break }
      heard += part
    }
    #expect(heard == .pattern(360))
    #expect(bench.ring.takeUsed().count == 3)
  }

  @Test("pieces that lie side by side are lent as one span")
  func joined() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 4)
    let area = bench.guest.allocate(256)
    bench.guest.write(.pattern(128), at: area)
    let header = bench.guest.allocate(8)
    let status = bench.guest.allocate(8)
    bench.guest.write([0, 0, 0, 0], at: header)
    for (address, count) in [(area, 64), (area + 64, 64)] {
      bench.ring.add([
        .init(header, 4), .init(address, 32), .init(address + 32, count - 32),
        .init(status, 8, writable: true),
      ])
    }
    bench.ring.publish()
    #expect(bench.borrow(64).map(\.count) == [128])
  }

  @Test("nothing is lent while the guest has nothing ready, and what comes later is (VS-122)")
  func underrun() throws {
    let bench = try TransferBench(isCapture: false)
    #expect(bench.hear(10).isEmpty)
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    #expect(bench.hear(10) == .pattern(8))
    bench.feeds[0].pointee.asked.store(0, ordering: .relaxed)
    #expect(bench.hear(10).isEmpty)
    #expect(bench.ring.takeUsed().count == 1)
    let askedInVain = bench.feeds[0].pointee.asked.load(ordering: .relaxed)
    #expect(askedInVain > 0, "the host lives, though it got nothing")
  }

  @Test(
    "a tail that is no whole frame never shifts later samples, and its message completes (VS-119, hostile 23)",
    arguments: [2, 3, 4, 6, 24, 144])
  func tails(frameBytes: Int) throws {
    let bench = try TransferBench(isCapture: false, frameBytes: frameBytes)
    var expected: [UInt8] = []
    for tail in 0..<frameBytes {
      let data = [UInt8].pattern(2 * frameBytes + tail, from: tail * 1000)
      expected += data.prefix(2 * frameBytes)
      bench.ring.play(data, as: .indirect)
      if bench.ring.room < 2 || tail == frameBytes - 1 {
        bench.ring.publish()
        var heard: [UInt8] = []
        while heard.count < expected.count {
          let part = bench.hear(1000)
          if part.isEmpty { break }
          heard += part
        }
        #expect(heard == expected)
        expected = []
        #expect(bench.ring.takeUsed().allSatisfy { $0.length == 8 })
      }
    }
    #expect(bench.ring.room == bench.ring.size)
  }

  @Test("messages without data, or with less than a frame, complete in their turn (VS-119, hostile 19, 23)")
  func empty() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 8)
    let sizes = [0, 16, 0, 7, 8, 1, 0]
    let messages = sizes.map { bench.ring.play(.pattern($0)) }
    bench.ring.publish()
    bench.queue.pointee.service()
    #expect(bench.ring.takeUsed().isEmpty)

    // The first has nothing to play, so it is through as soon as somebody asks.
    let lent = bench.borrow(1)
    #expect(lent.map(\.count) == [8])
    #expect(bench.ring.takeUsed().map(\.id) == [UInt32(messages[0].head)])
    bench.commit(1)
    #expect(bench.ring.takeUsed().isEmpty)
    #expect(bench.hear(64).count == 16)
    _ = bench.hear(64)
    #expect(bench.ring.takeUsed().map(\.id) == messages[1...].map { UInt32($0.head) })
    for message in messages { #expect(bench.ring.status(of: message).status == 0x8000) }
  }

  @Test("a loan that is given back unused is lent again, the same (VS-114)")
  func unused() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64), cut: .pieces([5], gap: 2), as: .indirect)
    bench.ring.publish()
    for _ in 0..<3 { #expect(bench.hear(16, most: 0).isEmpty) }
    #expect(bench.ring.takeUsed().isEmpty)
    #expect(bench.hear(16) == .pattern(64))
    #expect(bench.ring.takeUsed().count == 1)
  }

  @Test("a commit of more than was lent counts as what was lent, and as a violation")
  func tooMuch() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(16))
    bench.ring.play(.pattern(16))
    bench.ring.publish()
    #expect(!bench.borrow(4).isEmpty)
    bench.commit(1_000_000)
    #expect(bench.feeds[0].pointee.violations.load(ordering: .relaxed) == 1)
    #expect(bench.ring.takeUsed().count == 1)
    bench.commit(4)
    #expect(bench.ring.takeUsed().isEmpty)
  }

  @Test("a second loan on top of the first is none, and counts as a violation")
  func twoLoans() throws {
    let bench = try TransferBench(isCapture: false)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    #expect(!bench.borrow(4).isEmpty)
    #expect(bench.borrow(4).isEmpty)
    #expect(bench.feeds[0].pointee.violations.load(ordering: .relaxed) == 1)
    bench.commit(4)
    #expect(bench.hear(12) == .pattern(48, from: 16))
  }

  @Test("data may straddle two regions of memory (VS-168)")
  func straddling() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    let data = bench.guest.regions[1].guestAddress - 100
    let status = bench.guest.regions[1].guestAddress + 500
    let header = bench.guest.allocate(4)
    bench.guest.write([0, 0, 0, 0], at: header)
    bench.guest.write(.pattern(300), at: data)
    bench.ring.add([.init(header, 4), .init(data, 300), .init(status, 8, writable: true)])
    bench.ring.publish()
    #expect(bench.hear(50) == .pattern(300))
    #expect(bench.ring.takeUsed().map(\.length) == [8])
  }

  @Test("rings of one entry and of 32768 play as well (VS-160)", arguments: [1, 2, 1024, 32_768])
  func sizes(size: Int) throws {
    let bench = try TransferBench(isCapture: false, size: size, start: 65_000)
    var heard: [UInt8] = []
    let rounds = size == 32_768 ? 3 : 700
    for round in 0..<rounds {
      let message = bench.ring.play(.pattern(8, from: round * 8), as: .indirect)
      bench.ring.publish()
      heard += bench.hear(2)
      #expect(bench.ring.takeUsed().map(\.id) == [UInt32(message.head)])
      bench.ring.free(message, cut: .fields)
    }
    #expect(heard == .pattern(8 * rounds))
  }

  @Test("a full ring of messages, each of hundreds of pages, is held and played (VS-124, VS-165)")
  func manyPages() throws {
    let bench = try TransferBench(isCapture: false, size: 256)
    let pieces = 600
    let area = bench.guest.allocate(pieces * 8)
    bench.guest.write(.pattern(pieces * 8), at: area)
    let header = bench.guest.allocate(4)
    let status = bench.guest.allocate(8)
    bench.guest.write([0, 0, 0, 0], at: header)
    for _ in 0..<256 {
      bench.ring.add(
        [.init(header, 4)] + (0..<pieces).map { .init(area + UInt64(8 * $0), 8) }
          + [.init(status, 8, writable: true)], as: .indirect)
    }
    bench.ring.publish()
    bench.queue.pointee.service()
    #expect(bench.queue.pointee.refused.load(ordering: .relaxed) == 0)
    var heard = 0
    while true {
      let part = bench.hear(100_000)
      if part.isEmpty { break }
      heard += part.count
    }
    #expect(heard == 256 * pieces * 8)
    #expect(bench.ring.takeUsed().count == 256)
  }
}
