// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Platform
import TestSupport
import Testing
import VhostUser
import Virtqueue

@testable import Daemon

@Suite("Server")
struct ServerTests {
  @Test("a front-end negotiates and runs rings over the socket, as QEMU does (VU-220)")
  func serves() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    try frontEnd.negotiate()
    try frontEnd.start()

    #expect(try server.ask { $0.devices[0].running.count } == 4)
    try frontEnd.stop()
    #expect(frontEnd.rings.map(\.base) == [100, 101, 102, 103])

    server.stop()
    #expect(server.record.failure == nil)
    #expect(server.record.devices[0].calls.last == .teardown)
  }

  @Test(
    "messages that trickle in byte by byte, and many in one piece, are served alike (hostile 6)",
    arguments: [1, 5, 4096])
  func pieces(size: Int) throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    let socket = try #require(frontEnd.socket)
    let message = Message(request: Request.getFeatures.rawValue, flags: 1, payload: []).encoded
    var rest = Array(repeating: message, count: 50).joined().map { $0 }[...]

    while !rest.isEmpty {
      try frontEnd.send(Array(rest.prefix(size)), on: socket)
      rest = rest.dropFirst(size)
    }

    for _ in 0..<50 { #expect(try frontEnd.readReply(to: 1) == .of(UInt64(0x1_7100_0000))) }
    server.stop()
  }

  @Test("descriptors stay with their own message when many messages come at once (VU-004)")
  func descriptorsOfManyMessages() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    let socket = try #require(frontEnd.socket)
    let barrier = Message(request: Request.setOwner.rawValue, flags: 1, payload: []).encoded
    for index in 0..<4 {
      let call = Message(
        request: Request.setRingCall.rawValue, flags: 9, payload: frontEnd.ringDescriptor(index))
      try frontEnd.send(barrier, on: socket)
      try frontEnd.send(call.encoded, [frontEnd.rings[index].call], on: socket)
      try frontEnd.send(barrier, on: socket)
    }

    for _ in 0..<4 { #expect(try frontEnd.readReply(to: 13) == .of(UInt64(0))) }
    server.stop()
  }

  @Test("a front-end that goes away leaves a torn-down device, and the next one gets a fresh one (VU-192)")
  func reconnects() throws {
    let server = try RunningServer()
    let first = try server.connect()
    try first.negotiate()
    try first.start()
    first.disconnect()

    let second = try server.connect()
    try second.negotiate()

    let calls = try server.ask { $0.devices.map(\.calls) }
    #expect(calls?.count == 2)
    #expect(calls?[0].last == .teardown)
    #expect(calls?[1] == [])
    server.stop()
  }

  @Test("a second front-end waits until the first is gone, which notices nothing (VU-190, hostile 36)")
  func waits() throws {
    let server = try RunningServer()
    let first = try server.connect()
    try first.negotiate()
    let second = try server.connect()
    let socket = try #require(second.socket)
    try second.send(Message(request: 1, flags: 1, payload: []).encoded, on: socket)

    try first.start()
    #expect(try server.ask { $0.devices.count } == 1)
    #expect(try socket.receive(1) == nil)

    first.disconnect()
    #expect(try second.readReply(to: 1).count == 8)
    server.stop()
  }

  static let broken: [[UInt8]] = [
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  // version 0
    [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],  // version 2
    [1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0],  // a reply
    [1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],  // too long
    [1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0, 0],  // 4097 bytes
  ]

  @Test("lost framing closes this connection and not the daemon (VU-007, hostile 3, 4)", arguments: broken)
  func closes(bytes: [UInt8]) throws {
    let server = try RunningServer()
    let bad = try server.connect()
    try bad.send(bytes, on: #require(bad.socket))
    #expect(bad.waitForClose())

    #expect(try server.connect().number(.getFeatures) != 0)
    server.stop()
  }

  @Test(
    "an end inside a message closes the connection and not the daemon (VU-007, hostile 1, 2)",
    arguments: [1, 11, 12, 19])
  func endsInside(count: Int) throws {
    let server = try RunningServer()
    let bad = try server.connect()
    let message = Message(request: 8, flags: 1, payload: RingNumber(index: 0, number: 64).encoded)
    try bad.send(Array(message.encoded.prefix(count)), on: #require(bad.socket))
    bad.disconnect()

    #expect(try server.connect().number(.getFeatures) != 0)
    server.stop()
  }

  @Test("more descriptors than anybody needs: refused up to 64, closed beyond (hostile 7)")
  func manyDescriptors() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    let event = try Descriptor.event()
    let message = Message(
      request: Request.setOwner.rawValue, flags: 9, payload: [],
      descriptors: Array(repeating: event, count: 64))
    #expect(try frontEnd.exchange(message, expectsReply: true) == .of(UInt64(1)))

    try frontEnd.send(
      message.encoded, Array(repeating: event, count: 253), on: #require(frontEnd.socket))

    #expect(frontEnd.waitForClose())
    server.stop()
  }

  @Test("half a message that never goes on holds up neither the loop nor the end (hostile 8, 41)")
  func slowLoris() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    try frontEnd.negotiate()
    try frontEnd.start()
    try frontEnd.send([1, 0, 0], on: #require(frontEnd.socket))

    #expect(try server.ask { $0.devices[0].running.count } == 4)
    let start = MonotonicClock.now
    server.stop()
    #expect(MonotonicClock.now - start < 1_000_000_000)
  }

  @Test("a front-end that never reads is closed once its replies pile up (VU-008, hostile 9)")
  func neverReads() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    let socket = try #require(frontEnd.socket)
    let message = Message(request: 1, flags: 1, payload: []).encoded
    let many = Array(repeating: message, count: 100).flatMap { $0 }

    #expect(throws: SystemCallError.self) {
      for _ in 0..<10_000 { try frontEnd.send(many, on: socket) }
    }

    #expect(try server.connect().number(.getFeatures) != 0)
    server.stop()
  }

  @Test("memory that a front-end takes back reads as zeros, and the daemon lives (VU-059, hostile 17)")
  func memoryTakenBack() throws {
    let server = try RunningServer()
    let frontEnd = try server.connect()
    try frontEnd.negotiate()
    try frontEnd.start()
    frontEnd.ram.mapping.base.storeBytes(of: 7, as: UInt8.self)
    try frontEnd.ram.file.truncate(to: 0)

    let read = try server.ask { $0.devices[0].memory.regions[0].mapping.base.load(as: UInt8.self) }

    #expect(read == 0)
    #expect(try frontEnd.number(.getFeatures) != 0)
    server.stop()
  }

  @Test("a single connected socket is served, and its end is the server's (VU-192, VU-201)")
  func single() throws {
    let (near, far) = try UnixSocket.pair()
    let server = try RunningServer(connected: near)
    let frontEnd = try FrontEnd(connectedTo: far)
    try frontEnd.negotiate()
    frontEnd.disconnect()

    server.join()

    #expect(server.record.devices[0].calls.last == .teardown)
  }

  @Test("a single connected socket for which there is no device ends the server")
  func singleRefused() throws {
    var near: Descriptor?
    let far: Descriptor
    (near, far) = try UnixSocket.pair()
    let server = try RunningServer(connected: near, refusing: 1)
    near = nil

    server.join()

    #expect(try FrontEnd(connectedTo: far).waitForClose())
  }

  @Test("a front-end for which there is no device is closed, a later one is served (hostile 42)")
  func refused() throws {
    let server = try RunningServer(refusing: 1)
    #expect(try server.connect().waitForClose())

    #expect(try server.connect().number(.getFeatures) != 0)
    server.stop()
  }

  @Test("the end removes the socket file, in every state (VU-205, hostile 41)", arguments: 0...3)
  func removesFile(state: Int) throws {
    let server = try RunningServer()
    let frontEnd = state > 0 ? try server.connect() : nil
    if state > 1 { try frontEnd?.negotiate() }
    if state > 2 { try frontEnd?.start() }

    server.stop()

    #expect(access(server.path, F_OK) == -1)
    #expect(frontEnd?.waitForClose() ?? true)
  }
}

@Suite("Server: leaks", .serialized)
struct ServerLeakTests {
  @Test("a cut at every message of the sequence leaks nothing (VU-006, VU-192, hostile 35)")
  func cuts() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer()
      let ram = try GuestRAM()
      let before = Resources.now()

      // Often enough that a single descriptor, leaked at a single place, is more than the runtime's own.
      for messages in Array(repeating: 0..<70, count: 10).joined() {
        let frontEnd = try FrontEnd(path: server.path, ram: ram)
        frontEnd.messagesLeft = messages
        try? frontEnd.negotiate()
        try? frontEnd.start()
        try? frontEnd.stop()
        frontEnd.disconnect()
      }

      #expect(Resources.settle(to: before).isAbout(before))
      server.stop()
    }
  }

  @Test("2000 connections leak neither descriptors nor guest memory (hostile 36)")
  func many() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer()
      let ram = try GuestRAM()
      let before = Resources.now()

      for _ in 0..<2000 { _ = try FrontEnd(path: server.path, ram: ram).number(.getFeatures) }

      #expect(Resources.settle(to: before).isAbout(before))
      server.stop()
    }
  }
}

/// What a process may leak, counted for the whole of it: only for tests in a process of their own.
private struct Resources {
  var descriptors: Int
  /// Maps of the guest's memory.
  var mappings: Int

  static func now() -> Resources {
    Resources(
      descriptors: (0..<1024).count { fcntl(Int32($0), F_GETFD) != -1 },
      mappings: (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8))?
        .split(separator: "\n").count { $0.contains("memfd:guest") } ?? 0)
  }

  /// Waits up to 10 s for the server to notice that its front-end is gone.
  static func settle(to expected: Resources) -> Resources {
    for _ in 0..<1000 where !now().isAbout(expected) { usleep(10_000) }
    return now()
  }

  /// The test's own runtime opens a few descriptors, whenever it likes; a leak is one for each front-end.
  func isAbout(_ other: Resources) -> Bool {
    mappings == other.mappings && descriptors < other.descriptors + 10
  }
}
