// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Testing

@testable import Platform

@Suite("Event descriptors")
struct EventTests {
  @Test("signals add up to one event, and the next read finds nothing")
  func signalsAddUp() throws {
    let event = try Descriptor.event()

    #expect(event.signal() == nil)
    #expect(event.signal() == nil)

    #expect(event.readEvent() == .signalled)
    #expect(event.readEvent() == .nothing)
  }

  @Test("an eventfd that is full takes a signal without a wait or a complaint (VU-077)")
  func full() throws {
    let event = try Descriptor.event()
    var count = UInt64.max - 1
    #expect(write(event.raw, &count, 8) == 8)

    #expect(event.signal() == nil)
  }

  @Test("a pipe whose other end is closed is broken (VU-077)")
  func closedPipe() throws {
    var raw: [Int32] = [-1, -1]
    #expect(pipe(&raw) == 0)
    let reader = Descriptor(owning: raw[0])
    close(raw[1])

    #expect(reader.readEvent() == .broken("it is at its end"))
  }

  @Test("a stream that gives fewer than 8 bytes is broken (VU-077)")
  func shortRead() throws {
    let (near, far) = try UnixSocket.pair()
    _ = try far.send([1, 2, 3])

    #expect(near.readEvent() == .broken("it gave 3 bytes instead of 8"))
  }

  @Test("a descriptor that is open for nothing is broken, and cannot be signalled (VU-077)")
  func pathOnly() {
    let raw = open("/", 0o10000000)  // O_PATH
    let descriptor = Descriptor(owning: raw)

    #expect(descriptor.readEvent() == .broken("Bad file descriptor"))
    #expect(descriptor.signal() == SystemCallError(call: "write", code: EBADF))
  }

  @Test("a blocking descriptor is made non-blocking (VU-077)")
  func madeNonBlocking() throws {
    var raw: [Int32] = [-1, -1]
    #expect(pipe(&raw) == 0)
    let (reader, writer) = (Descriptor(owning: raw[0]), Descriptor(owning: raw[1]))

    try reader.setNonBlocking()

    #expect(reader.readEvent() == .nothing)
    _ = writer
  }

  @Test("a timer is readable at its deadline and not before")
  func timer() throws {
    let timer = try Descriptor.timer()
    let epoll = try Epoll()
    try epoll.add(timer, for: .readable, token: 5)
    let deadline = MonotonicClock.now + 2_000_000

    try timer.arm(at: deadline)
    let events = try epoll.wait(milliseconds: 5000)

    #expect(events.map(\.token) == [5])
    #expect(MonotonicClock.now >= deadline)
  }

  @Test("a timer whose deadline has passed expires at once, a disarmed one never")
  func timerLimits() throws {
    let timer = try Descriptor.timer()
    try timer.arm(at: 0)
    #expect(timer.readEvent() == .signalled)

    try timer.arm(at: MonotonicClock.now + 1_000_000)
    try timer.arm(at: nil)

    let epoll = try Epoll()
    try epoll.add(timer, for: .readable, token: 1)
    #expect(try epoll.wait(milliseconds: 5).isEmpty)
  }

  @Test("a descriptor that was removed is not reported, although its open file lives on")
  func removed() throws {
    let epoll = try Epoll()
    let event = try Descriptor.event()
    let twin = try event.duplicate()
    try epoll.add(event, for: .readable, token: 1)

    try epoll.remove(event)
    twin.signal()

    #expect(try epoll.wait(milliseconds: 0).isEmpty)
  }

  @Test("a regular file cannot be waited for (VU-077)")
  func regularFile() throws {
    let file = try Descriptor.memory(named: "test", size: 4096)

    #expect(throws: SystemCallError(call: "epoll_ctl", code: EPERM)) {
      try Epoll().add(file, for: .readable, token: 1)
    }
  }
}
