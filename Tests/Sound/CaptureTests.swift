// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Sound
import TestSupport
import Testing

@Suite("Feed: capture")
struct CaptureTests {
  @Test(
    "every frame lies where the guest wants it, and a message comes back when it is full (VS-113, VS-115)",
    arguments: awkwardCuts, [0, 32])
  func exact(cut: GuestRing.Cut, bounce: Int) throws {
    let guest = try MemoryGuest()
    for frameBytes in frameWidths {
      let bench = try TransferBench(isCapture: true, start: 65_530, frameBytes: frameBytes, guest: guest)
      bench.prepare(0, frameBytes: frameBytes, bounceFrames: bounce)
      let frames = [1, 7, 16, 3, 13]
      let messages = frames.map { bench.ring.record($0 * frameBytes, cut: cut, as: .indirect) }
      bench.ring.publish()

      let total = 40 * frameBytes
      var spoken = 0
      var returned: [GuestRing.Used] = []
      for (wanted, most) in [(1, 1), (5, 2), (9, 9), (64, 0), (64, 11)] + Array(repeating: (64, 64), count: 9)
      {
        spoken += bench.speak(.pattern(wanted * frameBytes, from: spoken), most: most)
        returned += bench.ring.takeUsed()
        let ends = frames.indices.map { frames[...$0].reduce(0, +) * frameBytes }
        #expect(returned.count == ends.prefix { $0 <= spoken }.count, "frames of \(frameBytes)")
      }

      #expect(spoken == total)
      #expect(
        returned
          == zip(messages, frames).map { .init(id: UInt32($0.head), length: UInt32(8 + $1 * frameBytes)) })
      #expect(messages.flatMap { bench.ring.recorded($0) } == .pattern(total), "frames of \(frameBytes)")
      for message in messages {
        #expect(bench.ring.status(of: message) == (0x8000, 0))
        bench.ring.free(message, cut: cut)
      }
    }
  }

  @Test("nothing outside the pieces of a message is written (VS-197)", arguments: awkwardCuts)
  func bounds(cut: GuestRing.Cut) throws {
    let bench = try TransferBench(isCapture: true, frameBytes: 6)
    let message = bench.ring.record(120, cut: cut, as: .indirect)
    let first = message.readable[0].address
    let last = message.writable[message.writable.count - 1]
    let count = Int(last.address) + Int(last.length) + 16 - Int(first)
    bench.ring.publish()
    var before = bench.guest.read(count, at: first)
    #expect(bench.speak(.pattern(120)) == 120)
    var after = bench.guest.read(count, at: first)
    for piece in message.writable {
      let range = Int(piece.address - first)..<Int(piece.address - first) + Int(piece.length)
      before.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
      after.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
    }
    #expect(before == after)
  }

  @Test("room for no frame completes in its turn with what is its length: 8 (hostile 21)")
  func noRoom() throws {
    let bench = try TransferBench(isCapture: true, frameBytes: 4)
    let messages = [0, 8, 3, 0, 4].map { bench.ring.record($0) }
    bench.ring.publish()
    #expect(bench.speak(.pattern(4)) == 4)
    #expect(bench.ring.takeUsed() == [.init(id: UInt32(messages[0].head), length: 8)])
    // Each commit goes on over what holds nothing to the next frame.
    #expect(bench.speak(.pattern(8, from: 4)) == 8)
    #expect(bench.ring.takeUsed().map(\.length) == [16, 8, 8, 12])
    #expect(bench.ring.recorded(messages[1]) + bench.ring.recorded(messages[4]) == .pattern(12))
    #expect(bench.ring.recorded(messages[2]) == [0, 0, 0], "silence, since its length counts them (VS-115)")
  }

  @Test("a tail that is no whole frame is silence and is not counted (VS-113, VS-115, VS-119)")
  func tails() throws {
    let bench = try TransferBench(isCapture: true, frameBytes: 6)
    let message = bench.ring.record(16)
    bench.ring.publish()
    #expect(bench.speak(.pattern(18)) == 12)
    #expect(bench.ring.takeUsed() == [.init(id: UInt32(message.head), length: 20)])
    #expect(bench.ring.recorded(message) == .pattern(12) + [0, 0, 0, 0])
  }

  @Test("without a buffer of the guest nothing is lent (VS-122)", arguments: [0, 16])
  func overrun(bounce: Int) throws {
    let bench = try TransferBench(isCapture: true)
    bench.prepare(0, frameBytes: 4, bounceFrames: bounce)
    #expect(bench.borrow(16).isEmpty)
    bench.ring.record(8)
    bench.ring.publish()
    #expect(bench.speak(.pattern(64)) == 8)
    #expect(bench.borrow(16).isEmpty)
  }

  @Test("memory of the daemon's is lent to backends that may block, and the guest's is not touched before")
  func bounce() throws {
    let bench = try TransferBench(isCapture: true)
    bench.prepare(0, frameBytes: 4, bounceFrames: 8)
    let message = bench.ring.record(40)
    bench.ring.publish()
    let lent = bench.borrow(64)
    #expect(lent.map(\.count) == [32])
    lent[0].copyBytes(from: [UInt8].pattern(32))
    #expect(bench.ring.recorded(message).allSatisfy { $0 == 0xDD })
    bench.commit(3)
    #expect(Array(bench.ring.recorded(message).prefix(14)) == .pattern(12) + [0xDD, 0xDD])
  }

  @Test("the daemon's memory is not lent for playback, whose frames are in the guest's")
  func bouncePlayback() throws {
    let bench = try TransferBench(isCapture: false)
    bench.prepare(0, frameBytes: 4, bounceFrames: 8)
    bench.ring.play(.pattern(64))
    bench.ring.publish()
    #expect(bench.hear(64) == .pattern(64))
  }
}
