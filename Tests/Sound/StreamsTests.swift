// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization
import TestSupport
import Testing

@Suite("TransferQueue: several streams")
struct StreamsTests {
  @Test("streams share a queue, each hears its own, and buffers come back as they end (VS-118)")
  func interleaved() throws {
    let bench = try TransferBench(isCapture: false, streams: 5)
    var heads: [[UInt32]] = Array(repeating: [], count: 5)
    for index in 0..<20 {
      let stream = [0, 1, 0, 4, 3, 2, 1][index % 7]
      let data = [UInt8].pattern(16, from: stream * 1000 + heads[stream].count * 16)
      let message = bench.ring.play(data, stream: UInt32(stream))
      heads[stream].append(UInt32(message.head))
    }
    bench.ring.publish()
    var returned: [[UInt32]] = Array(repeating: [], count: 5)
    for _ in 0..<8 {
      for stream in [3, 0, 4, 1, 2] {
        let before = returned[stream].count
        let heard = bench.hear(4, stream: stream)
        let used = bench.ring.takeUsed().map(\.id)
        #expect(used.allSatisfy { heads[stream].contains($0) })
        returned[stream] += used
        if !heard.isEmpty { #expect(heard == .pattern(16, from: stream * 1000 + before * 16)) }
      }
    }
    #expect(returned == heads)
  }

  @Test("a stopped stream that fills the ring holds its buffers; the other plays on, exactly (hostile 24)")
  func flood() throws {
    let bench = try TransferBench(isCapture: false, streams: 2, size: 64, start: 65_500)
    bench.feeds[0].pointee.hold()
    var flood: [GuestRing.Message] = []
    for index in 0..<16 { flood.append(bench.ring.play(.pattern(32, from: index * 32), stream: 0)) }
    bench.ring.publish()
    var heard = 0
    for round in 0..<50 {
      let message = bench.ring.play(.pattern(8, from: round * 8), stream: 1)
      bench.ring.publish()
      let bytes = bench.hear(2, stream: 1)
      #expect(bytes == .pattern(8, from: heard))
      heard += bytes.count
      #expect(bench.ring.takeUsed() == [.init(id: UInt32(message.head), length: 8)])
      bench.ring.free(message, cut: .fields)
    }
    #expect(bench.borrow(4, stream: 0).isEmpty)
    #expect(bench.ring.takeUsed().isEmpty)

    bench.feeds[0].pointee.unhold()
    var late: [UInt8] = []
    for _ in 0..<16 { late += bench.hear(64, stream: 0) }
    #expect(late == .pattern(16 * 32))
    #expect(bench.ring.takeUsed().map(\.id) == flood.map { UInt32($0.head) })
  }

  @Test("64 streams play at once, each its own frames (VS-124)")
  func many() throws {
    let bench = try TransferBench(isCapture: false, streams: 64, size: 256)
    for stream in 0..<64 {
      bench.ring.play(.pattern(24, from: stream * 100), stream: UInt32(stream))
      bench.ring.publish()
    }
    for stream in (0..<64).reversed() {
      #expect(bench.hear(6, stream: stream) == .pattern(24, from: stream * 100))
    }
    #expect(bench.ring.takeUsed().count == 64)
  }

  @Test("while the stream stands still its buffers wait, and after START they play (VS-116, VS-117)")
  func held() throws {
    let bench = try TransferBench(isCapture: false)
    bench.feeds[0].pointee.hold()
    bench.ring.play(.pattern(16))
    bench.ring.publish()
    bench.queue.pointee.service()
    #expect(bench.hear(4).isEmpty)
    bench.feeds[0].pointee.unhold()
    #expect(bench.hear(2) == .pattern(8))
    bench.feeds[0].pointee.hold()
    bench.ring.play(.pattern(16, from: 16))
    bench.ring.publish()
    #expect(bench.hear(4).isEmpty)
    #expect(bench.ring.takeUsed().isEmpty)
    bench.feeds[0].pointee.unhold()
    #expect(bench.hear(64) == .pattern(24, from: 8))
    #expect(bench.ring.takeUsed().count == 2)
  }

  @Test("a disabled ring keeps its buffers until it is enabled (VU-083, VU-085)")
  func disabled() throws {
    let bench = try TransferBench(isCapture: false)
    bench.queue.pointee.enabled.store(false, ordering: .releasing)
    bench.ring.play(.pattern(16))
    bench.ring.publish()
    #expect(bench.hear(4).isEmpty)
    bench.queue.pointee.enabled.store(true, ordering: .releasing)
    #expect(bench.hear(4) == .pattern(16))
  }

  // MARK: Notifications

  @Test("one commit that ends several messages notifies once (VS-121, VS-185)")
  func oneNotification() throws {
    let bench = try TransferBench(isCapture: false)
    for index in 0..<6 { bench.ring.play(.pattern(8, from: index * 8)) }
    bench.ring.publish()
    #expect(bench.hear(12) == .pattern(48))
    #expect(bench.queue.pointee.notifications.load(ordering: .relaxed) == 1)
    #expect(bench.call.readEvent() == .signalled)
    bench.ring.setUsedEvent(1000)
    bench.ring.play(.pattern(8))
    bench.ring.publish()
    #expect(bench.hear(2).count == 8)
    #expect(bench.call.readEvent() == .nothing)
  }

  @Test(
    "a full ring that is taken in one go asks nothing of the control thread (VS-193)", arguments: [1, 2, 64])
  func noAlarm(size: Int) throws {
    let bench = try TransferBench(isCapture: false, size: size)
    for _ in 0..<size { bench.ring.play(.pattern(4), as: .indirect) }
    bench.ring.publish()
    #expect(!bench.hear(1).isEmpty)
    #expect(bench.attention.readEvent() == .nothing)
    // Nobody kicks while audio flows, and everybody does otherwise.
    bench.queue.pointee.wantsKicks.store(false, ordering: .relaxed)
    bench.queue.pointee.service()
    #expect(!bench.ring.mustKick(afterAdding: 0, eventIndex: true))
    bench.queue.pointee.wantsKicks.store(true, ordering: .relaxed)
    bench.queue.pointee.service()
    #expect(bench.ring.availEvent == bench.ring.nextAvail)
  }

  @Test("kicks are wanted while nothing flows, and not while something does (VS-063, VS-183)")
  func kicks() throws {
    let bench = try TransferBench(isCapture: false)
    for (wanted, count) in [(true, 1), (false, 3), (true, 2), (false, 1)] {
      bench.queue.pointee.wantsKicks.store(wanted, ordering: .relaxed)
      bench.queue.pointee.service()
      for _ in 0..<count { bench.ring.play(.pattern(4)) }
      bench.ring.publish()
      #expect(bench.ring.mustKick(afterAdding: UInt16(count), eventIndex: true) == wanted)
      bench.queue.pointee.service()
    }
  }

  @Test("a call descriptor that cannot be signalled is used no more, and audio goes on (VU-077)")
  func brokenCall() throws {
    let bench = try TransferBench(isCapture: false)
    bench.queue.pointee.callSignal.store(100_000, ordering: .relaxed)
    for _ in 0..<2 {
      bench.ring.play(.pattern(4))
      bench.ring.publish()
      #expect(bench.hear(1) == .pattern(4))
    }
    #expect(bench.queue.pointee.callSignal.load(ordering: .relaxed) == -1)
    #expect(bench.ring.takeUsed().count == 2)
  }

  // MARK: Latency

  @Test("latency counts from the end of each message that a commit ends (VS-120)")
  func latency() throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 6)
    let messages = [3, 4, 5].map { bench.ring.play(.pattern($0 * 6)) }
    bench.ring.publish()
    // 1000 frames from the end of these ten: the first message ends seven earlier, the second three.
    _ = bench.hear(10, delay: 1000)
    #expect(bench.ring.status(of: messages[0]).latency == 993 * 6)
    #expect(bench.ring.status(of: messages[1]).latency == 997 * 6)
    _ = bench.hear(10, delay: 480)
    #expect(bench.ring.status(of: messages[2]).latency == 480 * 6)
  }

  @Test("latency of capture counts what was recorded behind each message (VS-120)")
  func captureLatency() throws {
    let bench = try TransferBench(isCapture: true, frameBytes: 2)
    let messages = [3, 4].map { bench.ring.record($0 * 2) }
    bench.ring.publish()
    // The first of these seven frames was spoken 100 frames ago.
    #expect(bench.speak(.pattern(14), delay: 100) == 14)
    #expect(messages.map { bench.ring.status(of: $0).latency } == [97 * 2, 93 * 2])
  }

  @Test(
    "a delay that was measured earlier has aged: played sound is nearer, recorded sound older (VS-120)",
    arguments: [
      (1_000_000, 432, 528), (-1_000_000, 528, 432), (20_000_000, 0, 1440), (999_999_999, 0, 48_479),
      (1_000_000_000, 480, 480), (.min, 480, 480), (.max, 480, 480),
    ] as [(Int64, UInt32, UInt32)])
  func age(nanoseconds: Int64, played: UInt32, recorded: UInt32) throws {
    let speaker = try TransferBench(isCapture: false)
    let heard = speaker.ring.play(.pattern(16))
    speaker.ring.publish()
    _ = speaker.hear(4, delay: 480, age: nanoseconds)
    #expect(speaker.ring.status(of: heard).latency == played * 4)

    let microphone = try TransferBench(isCapture: true)
    let said = microphone.ring.record(16)
    microphone.ring.publish()
    _ = microphone.speak(.pattern(16), delay: 484, age: nanoseconds)
    #expect(microphone.ring.status(of: said).latency == recorded * 4)
  }

  @Test(
    "an unknown, negative or absurd delay is a latency of 0, never a wild number (VS-120)",
    arguments: [Int64.min, -1, 0, 1, 3, Int64.max, 1 << 24, 1 << 32])
  func wildLatency(delay: Int64) throws {
    let bench = try TransferBench(isCapture: false, frameBytes: 144)
    let messages = (0..<2).map { _ in bench.ring.play(.pattern(3 * 144)) }
    bench.ring.publish()
    _ = bench.hear(6, delay: delay)
    let expected = (1...3).contains(delay) ? UInt32(delay) * 144 : 0
    #expect(bench.ring.status(of: messages[1]).latency == expected)
    #expect(bench.ring.status(of: messages[0]).latency == 0)
  }
}
