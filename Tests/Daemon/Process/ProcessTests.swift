// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Platform
import TestSupport
import Testing
import VhostUser

/// The whole program over its real socket.
@Suite("Process", .serialized)
struct ProcessTests {
  @Test("buffers for streams that are not prepared, or do not exist, are refused, and it plays on (B2, B3)")
  func strayBuffers() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()

    for stream in [0, 1, 2, UInt32.max] {
      let buffer = guest.play([UInt8].pattern(1920), stream: stream)
      #expect(guest.waits { guest.answer(buffer, on: SoundGuest.transmit)?.count == 8 })
      #expect(guest.rings[SoundGuest.transmit].status(of: buffer).status == 0x8003)
    }

    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    #expect(guest.flow(seconds: 0.2) > 0)
    #expect(daemon.isAlive)
  }

  @Test("unknown requests and absurd numbers are refused, and the next request is served (B5, B7)")
  func strayRequests() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()

    for code in [0, 3, 0x300, UInt32.max] {
      #expect(guest.finish(guest.ask(.little(code)))?.number == 0x8002)
    }
    for number in [64, 255] as [UInt8] {
      #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(format: number)) == .notSupported)
      #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(rate: number)) == .notSupported)
    }

    #expect(guest.requests([.setParameters, .prepare, .start, .stop, .release]) == .ok)
    #expect(daemon.isAlive)
  }

  @Test("a host that cannot open is an I/O error to the guest, each time, and nothing more (B6)")
  func failingHost() throws {
    let daemon = try RunningDaemon("fault", ["fail-open=io"])
    let guest = try daemon.guest()

    #expect(guest.request(.setParameters) == .ok)
    for _ in 0..<3 { #expect(guest.request(.prepare) == .ioError) }

    #expect(daemon.isAlive)
  }

  @Test("the null backend plays and records at the nominal rate, and gives everything back (B11, VS-114)")
  func pace() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()
    for stream in [0, 1] as [UInt32] {
      #expect(guest.requests([.setParameters, .prepare, .start], stream) == .ok)

      // 100 periods of 10 ms in a second; a machine that stalls may lose some, none may be won.
      let count = guest.flow(stream, seconds: 1)
      #expect(count <= 108)
      #expect(count >= 40)

      #expect(guest.requests([.stop, .release], stream) == .ok)
    }
    #expect(guest.used(SoundGuest.receive).allSatisfy { $0.length == 1928 })
  }

  @Test("what the card offers is the same for every guest, whatever another set (B16)")
  func stableOffer() throws {
    let daemon = try RunningDaemon()
    let first = try daemon.guest()
    let before = try #require(first.finish(first.query(0x100, count: 2, size: 32)))
    #expect(first.requests([.setParameters, .prepare, .start]) == .ok)
    #expect(first.finish(first.query(0x100, count: 2, size: 32)) == before)
    first.frontEnd.disconnect()

    let second = try daemon.guest()

    #expect(second.finish(second.query(0x100, count: 2, size: 32)) == before)
  }

  @Test(
    "SIGTERM ends it in time with status 0, and the socket is gone (VU-205, hostile 41)",
    arguments: ["idle", "half a message", "running", "hung open", "hung start"])
  func terminate(state: String) throws {
    let isHung = state.hasPrefix("hung")
    let daemon = try RunningDaemon(
      isHung ? "fault" : "null", isHung ? ["hang-in=\(state.dropFirst(5))", "hang-for=10s"] : [])
    var guest: SoundGuest?
    switch state {
    case "idle": break
    case "half a message":
      guest = try daemon.connect()
      try guest.map { try $0.frontEnd.send([1, 0, 0], on: #require($0.frontEnd.socket)) }
    case "running":
      guest = try daemon.guest()
      #expect(guest?.requests([.setParameters, .prepare, .start]) == .ok)
      _ = guest?.flow(seconds: 0.1)
    default:
      guest = try daemon.guest()
      #expect(guest?.request(.setParameters) == .ok)
      if state == "hung start" { #expect(guest?.request(.prepare) == .ok) }
      _ = guest?.ask(state == "hung start" ? .start : .prepare)
      usleep(100_000)
    }

    let end = daemon.terminate()

    #expect(end.status == 0, "\(daemon.log)")
    #expect(end.seconds < 1.5)
    #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    withExtendedLifetime(guest) {}
  }

  @Test("ten thousand front-ends, some in mid-stream, leave nothing behind (VU-192, hostile 36)")
  func manyFrontEnds() throws {
    let daemon = try RunningDaemon()
    let features = Message(request: Request.getFeatures.rawValue, flags: 1, payload: []).encoded
    var before: [Int] = []
    for round in 0..<10_000 {
      if round % 200 == 0 {
        let guest = try daemon.guest()
        #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
        guest.play([UInt8].pattern(1920))
        guest.frontEnd.disconnect()
      } else {
        let socket = try UnixSocket.connect(to: daemon.socket)
        try #require(socket.send(features[...]) == 12)
        var entry = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, 10_000) == 1)
      }
      if round == 500 {
        usleep(300_000)
        before = daemon.holdings
      }
    }

    #expect(
      // Allocators map more when they please, but not for each front-end.
      daemon.wait { zip(daemon.holdings, zip(before, [2, 2, 10])).allSatisfy { $0 <= $1.0 + $1.1 } },
      "\(before) became \(daemon.holdings)")
    #expect(try daemon.guest().requests([.setParameters, .prepare, .start]) == .ok)
  }

  @Test("a second front-end waits for the end of the first, which is not disturbed (VU-190)")
  func second() throws {
    let daemon = try RunningDaemon()
    let first = try daemon.guest()
    #expect(first.requests([.setParameters, .prepare, .start]) == .ok)

    let second = try daemon.connect()
    second.frontEnd.patience = 300
    #expect(throws: FrontEndError.self) { try second.frontEnd.number(.getFeatures) }
    #expect(first.flow(seconds: 0.2) > 0)
    first.frontEnd.disconnect()

    // Its first question is answered now.
    second.frontEnd.patience = 10_000
    #expect(try second.frontEnd.readReply(to: 1).count == 8)
  }
}
