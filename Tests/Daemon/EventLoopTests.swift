// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import Synchronization
import Testing

@testable import Daemon

@Suite("EventLoop")
struct EventLoopTests {
  let loop: EventLoop
  init() throws { loop = try EventLoop() }

  @Test("a handler runs as long as its descriptor is readable")
  func levelTriggered() throws {
    let event = try Descriptor.event()
    event.signal()
    var calls = 0
    _ = try loop.watch(event) { [weak loop] readiness in
      #expect(readiness == .readable)
      calls += 1
      if calls == 3 { loop?.stop() }
    }

    try loop.run()

    #expect(calls == 3)
  }

  @Test("a handler that cancels itself and another one is the last to run")
  func cancelsInHandler() throws {
    let events = try (0..<2).map { _ in try Descriptor.event() }
    var watches: [EventLoop.Watch] = []
    var calls = 0
    for event in events {
      event.signal()
      watches.append(
        try loop.watch(event) { _ in
          calls += 1
          for watch in watches { watch.cancel() }
        })
    }
    loop.schedule(at: MonotonicClock.now + 2_000_000) { [weak loop] in loop?.stop() }

    try loop.run()

    #expect(calls == 1)
  }

  @Test("a paused watch hears nothing until it is resumed, and misses nothing")
  func pauses() throws {
    let event = try Descriptor.event()
    var order: [String] = []
    let watch = try loop.watch(event) { [weak loop] _ in
      order.append("event")
      loop?.stop()
    }
    watch.pause()
    event.signal()
    loop.schedule(at: MonotonicClock.now + 1_000_000) {
      order.append("resumed")
      try? watch.resume()
    }

    try loop.run()

    #expect(order == ["resumed", "event"])
  }

  @Test("timers fire in the order of their deadlines, equal ones in that of their making")
  func timerOrder() throws {
    let now = MonotonicClock.now
    var order: [Int] = []
    for (name, delay) in [(1, 300), (2, 100), (3, 200), (4, 100)] {
      loop.schedule(at: now + UInt64(delay) * 1000) { order.append(name) }
    }
    loop.schedule(at: now + 400_000) { [weak loop] in loop?.stop() }

    try loop.run()

    #expect(order == [2, 4, 3, 1])
  }

  @Test("a timer does not fire early, and a cancelled one not at all")
  func timerTimes() throws {
    let deadline = MonotonicClock.now + 3_000_000
    loop.schedule(at: deadline - 1_000_000) { Issue.record("it was cancelled") }.cancel()
    loop.schedule(at: deadline) { [weak loop] in loop?.stop() }

    try loop.run()

    #expect(MonotonicClock.now >= deadline)
  }

  @Test("a timer that schedules itself in the past does not starve descriptors")
  func timersDoNotStarve() throws {
    let event = try Descriptor.event()
    var again: () -> Void = {}
    again = { [weak loop] in _ = loop?.schedule(at: 0) { again() } }
    again()
    _ = try loop.watch(event) { [weak loop] _ in loop?.stop() }
    event.signal()

    try loop.run()

    again = {}
  }

  @Test("a descriptor that is always readable does not starve the others (VU-077, hostile 21)")
  func busyDescriptor() throws {
    let busy = try Descriptor.event()
    let quiet = try Descriptor.event()
    busy.signal()
    var busyCalls = 0
    _ = try loop.watch(busy) { _ in
      busyCalls += 1
      if busyCalls == 5 { quiet.signal() }
    }
    _ = try loop.watch(quiet) { [weak loop] _ in loop?.stop() }

    try loop.run()

    #expect(busyCalls <= 7)
  }

  @Test("other threads post in order, and what they post runs here")
  func posts() throws {
    let remote = loop.remote
    let seen = Mutex<[Int]>([])
    let thread = try Thread(name: "poster") { [loop = Unchecked(loop)] in
      for number in 0..<50 { remote.post { seen.withLock { $0.append(number) } } }
      remote.post { loop.value.stop() }
    }

    try loop.run()

    thread.join()
    #expect(seen.withLock { $0 } == Array(0..<50))
  }

  @Test("a hang-up is reported without being asked for")
  func hangup() throws {
    var ends: (Descriptor, Descriptor)? = try UnixSocket.pair()
    let near = try #require(ends?.0)
    var seen: Readiness = []
    _ = try loop.watch(near, for: []) { [weak loop] readiness in
      seen = readiness
      loop?.stop()
    }
    ends = nil

    try loop.run()

    #expect(!seen.isDisjoint(with: .hangup))
  }
}

/// Carries something to a thread that hands it back to the loop's before it is used.
struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

@Suite("KickWatch")
struct KickWatchTests {
  let loop: EventLoop
  init() throws { loop = try EventLoop() }

  /// Runs the loop for `milliseconds`.
  func run(_ milliseconds: UInt64) throws {
    loop.schedule(at: MonotonicClock.now + milliseconds * 1_000_000) { [weak loop] in loop?.stop() }
    try loop.run()
  }

  @Test("signals that come together are one kick, later ones another (VU-077)")
  func kicks() throws {
    let event = try Descriptor.event()
    var kicks = 0
    let watch = KickWatch(event, on: loop, onKick: { kicks += 1 }, onBroken: { _ in })
    event.signal()
    event.signal()
    try run(2)
    #expect(kicks == 1)

    event.signal()
    try run(2)

    #expect(kicks == 2)
    watch.cancel()
    event.signal()
    try run(2)
    #expect(kicks == 2)
  }

  @Test("a descriptor that is readable for ever kicks at a bounded rate (VU-077, hostile 21)")
  func bounded() throws {
    let event = try Descriptor.event()
    event.signal()
    var kicks = 0
    let watch = KickWatch(
      event, on: loop,
      onKick: {
        kicks += 1; event.signal()
      }, onBroken: { _ in })

    let start = MonotonicClock.now
    try run(35)

    let spans = Int((MonotonicClock.now - start) / KickWatch.span) + 2
    #expect(kicks > 0)
    #expect(kicks <= spans * KickWatch.burst)
    watch.cancel()
  }

  @Test("a pipe whose writer is gone ends the watch, once (VU-077, hostile 21)")
  func closedPipe() throws {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    let reader = Descriptor(owning: ends[0])
    try reader.setNonBlocking()
    var reasons: [String] = []
    let watch = KickWatch(reader, on: loop, onKick: {}, onBroken: { reasons.append($0) })
    close(ends[1])

    try run(3)

    #expect(reasons == ["it is at its end"])
    watch.cancel()
  }

  @Test("a pipe that gives bytes of another number ends the watch (VU-077, hostile 21)")
  func oddBytes() throws {
    let (near, far) = try UnixSocket.pair()
    var reasons: [String] = []
    let watch = KickWatch(near, on: loop, onKick: {}, onBroken: { reasons.append($0) })
    _ = try far.send([1, 2, 3])

    try run(3)

    #expect(reasons == ["it gave 3 bytes instead of 8"])
    watch.cancel()
  }

  @Test("a regular file cannot be watched: it is broken (VU-077, hostile 21)")
  func regularFile() throws {
    let file = try Descriptor.memory(named: "kick", size: 4096)
    var reasons: [String] = []
    let watch = KickWatch(file, on: loop, onKick: {}, onBroken: { reasons.append($0) })

    try run(2)

    #expect(reasons == ["epoll_ctl: Operation not permitted"])
    watch.cancel()
  }
}
