// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Sound
import TestSupport
import Testing

@testable import Daemon

@Suite("Card, probe")
struct ProbeTests {
  @Test("Linux's probe gets its answers: streams, no jacks, maps, events waited for without a kick (VS-200)")
  func probe() throws {
    let bench = try CardBench([
      StreamSpecification(.output, channels: 1...2), StreamSpecification(.input, channels: 2...2),
    ])
    let guest = try bench.connect()
    // The driver fills the event queue before anything else, and does not kick.
    let events = (0..<64).map { _ in guest.add(SoundGuest.event, [], [8]) }
    guest.rings[SoundGuest.event].publish()
    try guest.boot()

    let space = bench.card.configuration(offset: 0, count: 16)
    #expect(space == [0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
    let streams = try #require(guest.finish(guest.query(0x100, count: 2, size: 32)))
    #expect(streams.count == 68)
    #expect(streams.number == 0x8000)
    #expect(streams[4 + 24..<4 + 27] == [0, 1, 2])
    #expect(streams[36 + 24..<36 + 27] == [1, 2, 2])
    let maps = try #require(guest.finish(guest.query(0x200, count: 3, size: 24)))
    #expect(maps.count == 76)
    #expect(maps[4 + 4..<4 + 7] == [0, 1, 2])
    #expect(maps[28 + 4..<28 + 8] == [0, 2, 3, 4])
    #expect(events.allSatisfy { guest.answer($0, on: SoundGuest.event) == nil })
  }

  @Test("what the card tells of a stream does not depend on what was negotiated last (VS-046, B16)")
  func infoIsStable() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    let before = try #require(guest.finish(guest.query(0x100, count: 2, size: 32)))

    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x14)) == .ok)
    #expect(guest.finish(guest.query(0x100, count: 2, size: 32)) == before)
    try guest.reboot()

    #expect(guest.finish(guest.query(0x100, count: 2, size: 32)) == before)
    // MSG_POLLING and EVT_XRUNS.
    #expect(Array(before[8..<12]).number == 0x14)
  }

  @Test(
    "wrong requests are answered, and the queue lives on (VS-027, VS-028, hostile 2, 3, B5, B7)",
    arguments: [
      ([], .badMessage), ([0], .badMessage), ([0, 1, 0], .badMessage),
      (.little(UInt32(0)), .notSupported), (.little(UInt32(3)), .notSupported),
      (.little(UInt32.max), .notSupported), (.little(UInt32(0x300)) + .little(UInt32(0)), .notSupported),
      (.little(UInt32(0x102)), .badMessage), (.little(UInt32(0x102)) + .little(UInt32(2)), .badMessage),
      (.little(UInt32(0x104)) + .little(UInt32.max), .badMessage),
      (.little(UInt32(0x101)) + .little(UInt32(0)), .badMessage),
    ] as [([UInt8], SoundGuest.Status)])
  func wrongRequests(bytes: [UInt8], status: SoundGuest.Status) throws {
    let guest = try CardBench().guest()

    let message = guest.send(SoundGuest.control, bytes.isEmpty ? [] : [bytes], [4])

    #expect(guest.status(message) == status)
    #expect(guest.request(.setParameters) == .ok)
  }

  @Test(
    "formats and rates beyond what numbers can shift are not supported (hostile 9, B7)",
    arguments: [25, 63, 64, 65, 128, 255] as [UInt8])
  func absurdNumbers(number: UInt8) throws {
    let guest = try CardBench().guest()

    #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(format: number)) == .notSupported)
    #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(rate: number)) == .notSupported)
    #expect(guest.request(.setParameters) == .ok)
  }

  @Test("an answer without room for its status comes back with length 0, and the next one is served (VS-029)")
  func noRoom() throws {
    let guest = try CardBench().guest()

    let message = guest.ask([1, 1, 0, 0], room: 3)

    #expect(guest.answer(message) == [])
    #expect(guest.request(.setParameters) == .ok)
  }

  @Test("many requests in one go are answered with one notification (VS-185)")
  func oneNotification() throws {
    let guest = try CardBench().guest(1 << 32)
    _ = guest.notifications(SoundGuest.control)

    for _ in 0..<20 { _ = guest.add(0, [.little(UInt32(0x103)) + .little(UInt32(0))], [4]) }
    guest.publish(0, 20)

    #expect(guest.used(0).map(\.length) == Array(repeating: 4, count: 20))
    #expect(guest.notifications(SoundGuest.control) == 1)
  }

  @Test("a flood of releases is answered, and the host hears nothing of it (hostile 16)")
  func releaseFlood() throws {
    let bench = try CardBench()
    let guest = try bench.guest()

    for _ in 0..<10_000 { #expect(guest.request(.release) == .ok) }

    #expect(bench.hosts[0].calls.isEmpty)
  }
}
