// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization
import TestSupport
import Testing
import Virtqueue

/// Streams of one queue that play or record at once, their guest, and a control thread that disturbs them.
///
/// A frame is 8 bytes: the stream, and the number of the frame. No thread waits for another but the control
/// thread, which is what the product promises.
private final class Stress: @unchecked Sendable {
  struct Disturbance: OptionSet {
    let rawValue: Int
    static let hold = Disturbance(rawValue: 1)
    static let restart = Disturbance(rawValue: 2)
    static let move = Disturbance(rawValue: 4)
    static let flush = Disturbance(rawValue: 8)
  }

  let bench: TransferBench
  let isCapture: Bool
  let goal: Int
  let bounceFrames: Int
  /// Frames that each audio context has moved.
  let moved: [Counter]
  /// Frames that the guest has got, of captures.
  let delivered: [Counter]
  /// What contexts use until they end; the control thread keeps it.
  private var kept: [GuestMemory] = []
  let isOver = Atomic<Bool>(false)
  let wantsService = Atomic<Bool>(false)
  private let failure = FirstFailure()

  final class Counter: Sendable { let value = Atomic<Int>(0) }

  /// Keeps the first number that is put into it.
  final class FirstFailure: Sendable {
    let code = Atomic<Int>(0)
    func put(_ number: Int) { _ = code.compareExchange(expected: 0, desired: number, ordering: .relaxed) }
  }

  var failed: Int { failure.code.load(ordering: .relaxed) }

  init(isCapture: Bool, streams: Int, goal: Int, bounceFrames: Int) throws {
    bench = try TransferBench(isCapture: isCapture, streams: streams, size: 64, start: 65_000, frameBytes: 8)
    self.isCapture = isCapture
    self.goal = goal
    self.bounceFrames = bounceFrames
    moved = (0..<streams).map { _ in Counter() }
    delivered = (0..<streams).map { _ in Counter() }
  }

  /// Captures are lent the daemon's memory: a context that the machine holds up for 50 ms loses its loan, and
  /// must not write into the guest's then.
  func prepare(_ stream: Int) {
    bench.prepare(stream, frameBytes: 8, silentSample: [0xFF], bounceFrames: bounceFrames)
  }

  private static func frame(_ stream: Int, _ number: Int) -> UInt64 { UInt64(stream) << 56 | UInt64(number) }

  var isDone: Bool {
    failed != 0 || (isCapture ? delivered : moved).allSatisfy { $0.value.load(ordering: .relaxed) >= goal }
  }

  /// The audio context of one stream.
  ///
  /// - Parameter mayLose: frames are lost at a flush; otherwise they follow each other exactly.
  func play(_ stream: Int, mayLose: Bool) {
    var next = 0
    var pause: UInt64 = UInt64(stream) + 1
    while !isOver.load(ordering: .relaxed) {
      pause = pause &* 6_364_136_223_846_793_005 &+ 1
      let wanted = 1 + Int(pause >> 40 % 90)
      let committed = bench.feeds[stream].pointee.committed.load(ordering: .relaxed)
      let lent = bench.borrow(wanted, stream: stream)
      if lent.isEmpty {
        MonotonicClock.pause(milliseconds: 1)
        continue
      }
      let room = lent.reduce(0) { $0 + $1.count / 8 }
      let used = pause >> 60 == 0 ? room / 2 : room
      var numbers: [UInt64] = []
      var left = used
      for span in lent {
        for index in 0..<min(left, span.count / 8) {
          if isCapture {
            span.storeBytes(
              of: Self.frame(stream, next + numbers.count), toByteOffset: 8 * index, as: UInt64.self)
            numbers.append(0)
          } else {
            numbers.append(span.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
          }
        }
        left -= min(left, span.count / 8)
      }
      bench.commit(used, stream: stream)
      // A loan that was taken back counts for nothing: its frames come again.
      let after = bench.feeds[stream].pointee.committed.load(ordering: .relaxed)
      guard after == committed &+ UInt64(used) else {
        // A preparation may have set the count back meanwhile: rather skip numbers than say one twice.
        if isCapture, mayLose { next += used }
        continue
      }
      if isCapture {
        next += used
      } else {
        for number in numbers {
          let index = Int(number & 0xFFFF_FFFF)
          if number >> 56 != UInt64(stream) { failure.put(1) }
          if mayLose ? index < next : index != next { failure.put(2) }
          next = index + 1
        }
      }
      moved[stream].value.add(used, ordering: .relaxed)
    }
  }

  /// The guest: keeps three messages of each stream in flight, and kicks when it is asked to.
  func drive(mayLose: Bool) {
    var inFlight: [UInt32: (stream: Int, message: GuestRing.Message)] = [:]
    var counts = moved.map { _ in 0 }
    var written = moved.map { _ in 0 }
    var heard = moved.map { _ in 0 }
    while !isOver.load(ordering: .relaxed) {
      var added: UInt16 = 0
      for stream in counts.indices where counts[stream] < 3 && bench.ring.room > 0 {
        let frames = 5 + (written[stream] * 7 + stream) % 40
        let cut = GuestRing.Cut.pieces([24, 100, 5], gap: 8)
        let message: GuestRing.Message
        if isCapture {
          message = bench.ring.record(frames * 8, stream: UInt32(stream), cut: cut, as: .indirect)
        } else {
          let data = (0..<frames).flatMap { [UInt8].little(Self.frame(stream, written[stream] + $0)) }
          message = bench.ring.play(data, stream: UInt32(stream), cut: cut, as: .indirect)
        }
        written[stream] += frames
        counts[stream] += 1
        inFlight[UInt32(message.head)] = (stream, message)
        added += 1
      }
      if added > 0 {
        bench.ring.publish()
        if bench.ring.mustKick(afterAdding: added, eventIndex: true) {
          wantsService.store(true, ordering: .releasing)
        }
      }
      for used in bench.ring.takeUsed() {
        guard let (stream, message) = inFlight.removeValue(forKey: used.id) else { return failure.put(3) }
        counts[stream] -= 1
        let status = bench.ring.status(of: message).status
        // Between a flush and the next preparation messages are refused.
        if status != 0x8000, !(mayLose && status == 0x8003) { failure.put(4) }
        if isCapture {
          let bytes = bench.ring.recorded(message).prefix(Int(used.length) - 8)
          for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 8) where status == 0x8000 {
            let number = bytes[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            // Silence: filled in at a stop.
            if number == UInt64.max { continue }
            let index = Int(number & 0xFFFF_FFFF)
            if number >> 56 != UInt64(stream) { failure.put(5) }
            if mayLose ? index < heard[stream] : index != heard[stream] { failure.put(6) }
            heard[stream] = index + 1
          }
          delivered[stream].value.store(heard[stream], ordering: .relaxed)
        } else if used.length != 8 {
          failure.put(7)
        }
        bench.ring.free(message, cut: .pieces([24, 100, 5], gap: 8))
      }
      if added == 0 { MonotonicClock.pause(milliseconds: 1) }
    }
  }

  /// The control thread, until everything has moved; false when it takes too long.
  func control(_ disturbances: Disturbance) throws -> Bool {
    var number: UInt64 = 1
    let start = MonotonicClock.now
    while !isDone {
      if MonotonicClock.now - start > 120_000_000_000 { return false }
      MonotonicClock.pause(milliseconds: 2)
      if wantsService.exchange(false, ordering: .acquiring) { bench.queue.pointee.service() }
      number = number &* 6_364_136_223_846_793_005 &+ 1
      let kind = Disturbance(rawValue: 1 << Int(number >> 61 & 3))
      guard disturbances.contains(kind) else { continue }
      let stream = Int(number >> 33) % moved.count
      switch kind {
      case .hold:
        bench.feeds[stream].pointee.hold()
        MonotonicClock.pause(milliseconds: 1)
        bench.feeds[stream].pointee.unhold()
      case .restart:
        let base = bench.suspend()
        if base != bench.ring.usedIndex { failure.put(8) }
        try bench.resume(base: base, memory: kept.last)
      case .move:
        for feed in bench.feeds { feed.pointee.hold() }
        let memory = try bench.guest.remapped()
        bench.queue.pointee.move(to: memory)
        // A context may still use a loan that was taken back.
        kept = moved.indices.contains { bench.hasStaleLoan($0) } ? kept + [memory] : [memory]
        for feed in bench.feeds { feed.pointee.unhold() }
      default:
        bench.release(stream)
        prepare(stream)
      }
    }
    return true
  }
}

@Suite("TransferQueue: threads", .serialized)
struct StressTests {
  private func run(
    isCapture: Bool, _ disturbances: Stress.Disturbance, streams: Int = 3, goal: Int = 40_000
  ) throws {
    let stress = try Stress(
      isCapture: isCapture, streams: streams, goal: goal,
      bounceFrames: isCapture && !disturbances.isEmpty ? 64 : 0)
    let mayLose = disturbances.contains(.flush)
    for stream in 0..<streams { stress.prepare(stream) }
    var threads = try (0..<streams).map { stream in
      try Thread(name: "audio \(stream)") { stress.play(stream, mayLose: mayLose) }
    }
    threads.append(try Thread(name: "guest") { stress.drive(mayLose: mayLose) })
    let isThrough = try stress.control(disturbances)
    stress.isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    #expect(isThrough, "somebody stands still")
    #expect(stress.failed == 0)
  }

  @Test("streams that play or record at once lose no frame (VS-118, VS-135)", arguments: [false, true])
  func undisturbed(isCapture: Bool) throws { try run(isCapture: isCapture, []) }

  @Test("pauses, stops of the ring and new memory tables lose no frame (VS-082, VU-054, VU-088)")
  func playback() throws { try run(isCapture: false, [.hold, .restart, .move]) }

  @Test("pauses, stops of the ring and new memory tables lose no recorded frame (VU-088)")
  func capture() throws { try run(isCapture: true, [.hold, .restart, .move]) }

  @Test(
    "with RELEASE among it no frame comes twice or on another stream (VS-130, VS-137)",
    arguments: [false, true])
  func released(isCapture: Bool) throws { try run(isCapture: isCapture, [.hold, .restart, .move, .flush]) }
}
