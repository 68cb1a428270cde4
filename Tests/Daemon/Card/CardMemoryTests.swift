// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing
import VhostUser
import Virtqueue

@testable import Daemon

/// The guest's memory changes while its rings run (VU-054, VU-058).
@Suite("Card, memory")
struct CardMemoryTests {
  @Test("a new memory table during playback loses no frame (VU-054)")
  func newTable() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    let data = [UInt8].pattern(40 * 1920)
    var heard: [UInt8] = []
    let rooms = (0..<2).map { _ in guest.record(1920) }

    for round in 0..<40 {
      guest.play(Array(data[round * 1920..<(round + 1) * 1920]))
      if round % 2 == 0 { heard += bench.hosts[0].hear(480 + 77) }
      try guest.shareAnew()
      if round % 2 == 1 { heard += bench.hosts[0].hear(480 - 77) }
      #expect(bench.hosts[1].speak(Array(data[round * 96..<(round + 1) * 96])) == 96)
    }
    heard += bench.hosts[0].hear(10_000)

    #expect(heard.elementsEqual(data))
    #expect(guest.used(SoundGuest.transmit).count == 40)
    let recorded = rooms.flatMap { guest.rings[SoundGuest.receive].recorded($0) }
    #expect(recorded.elementsEqual(data.prefix(3840)))
    #expect(bench.card.oldMemory.isEmpty)
  }

  @Test("an old mapping stays while a hung audio context may use its loan, no longer (VU-054, VU-058)")
  func hungLoan() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data)
    let loan = bench.hosts[0].borrow(480)

    try guest.shareAnew()
    #expect(bench.card.oldMemory.count == 1)
    #expect(loan.flatMap { Array($0) } == data)
    bench.hosts[0].commit(480)
    #expect(guest.answer(buffer, on: SoundGuest.transmit) == nil)
    try guest.shareAnew()

    #expect(bench.card.oldMemory.isEmpty)
    // The loan did not count: its frames are still to be played.
    #expect(bench.hosts[0].hear(480) == data)
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
  }

  @Test("rings whose memory is taken away wait, and go on once it is back (VU-058, hostile 15, 19)")
  func takenAway() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)
    #expect(guest.request(.setParameters, 1) == .ok)
    guest.awaitEvent()
    let data = [UInt8].pattern(2 * 1920)
    guest.play(Array(data[..<1920]))
    guest.play(Array(data[1920...]))
    #expect(bench.hosts[0].hear(100).count == 400)
    bench.hosts[1].preparing = .hang
    let prepare = guest.ask(.prepare, 1)
    let before = guest.memory.read(0x10000, at: 0x4000_0000)

    try guest.frontEnd.demand(.removeMemoryRegion, guest.region)
    // Everything happens that could touch a ring.
    bench.hosts[1].finishPrepare()
    bench.hosts[0].xrun()
    bench.hosts[0].hear(480)
    guest.frontEnd.rings.forEach { $0.kick.signal() }
    bench.loop.advance(milliseconds: 1000)
    #expect(guest.memory.read(0x10000, at: 0x4000_0000) == before)
    #expect(!bench.card.needsReset)
    try guest.frontEnd.demand(.addMemoryRegion, guest.region, [guest.frontEnd.ram.file])

    #expect(guest.status(prepare) == .ok)
    #expect(guest.used(SoundGuest.event).map(\.length) == [8])
    bench.hosts[0].hear(10_000)
    #expect(guest.used(SoundGuest.transmit).count == 2)
    #expect(guest.request(.start, 1) == .ok)
    #expect(guest.requests([.stop, .release]) == .ok)
  }

  @Test("a guest that lost memory for good needs a reset, and other memory (VU-059, VU-140, VS-192)")
  func lost() throws {
    try Mapping.installGuard()
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    bench.card.memoryWasLost()
    #expect(!bench.card.needsReset, "it was another guest's")

    guest.play([UInt8].pattern(1920))
    // The rings stay, what they point at goes.
    try guest.frontEnd.ram.file.truncate(to: 0x1_0000)
    #expect(bench.hosts[0].hear(480) == [UInt8](repeating: 0, count: 1920))
    #expect(!bench.card.needsReset)
    bench.card.memoryWasLost()
    bench.loop.run()

    #expect(bench.card.needsReset)
    #expect(try guest.frontEnd.number(.getStatus) & 64 == 64)
    for ring in guest.frontEnd.rings { #expect(ring.error.readEvent() == .signalled) }
    #expect(bench.hosts[0].hear(480) == [])
    // Not before there is other memory.
    try guest.frontEnd.stop()
    try? guest.frontEnd.start(withMemory: false)
    #expect(bench.card.rings.allSatisfy { !$0.runs })
    bench.disconnect()
    #expect(!bench.card.needsReset)
    #expect(try bench.guest().bring(to: .running) == .ok)
  }

  @Test(
    "a stream is released, stopped, or its VM paused, while the memory of its ring is away (VU-058, VU-090)",
    arguments: ["release", "stop ring", "pause", "disconnect", "address"])
  func goneRing(step: String) throws {
    let bench = try CardBench([.output, .output].map { StreamSpecification($0) })
    let guest = try bench.guest()
    let other = try GuestRAM(guestAddress: 0x8000_0000, userAddress: 0x7e00_0000_0000)
    let region: [UInt8] = .of(UInt64(0)) + other.range.encoded
    try guest.frontEnd.demand(.addMemoryRegion, region, [other.file])
    try guest.move(SoundGuest.transmit, to: other)
    #expect(guest.bring(0, to: .stopped) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    for stream in [0, 1, 0, 1, 0] as [UInt32] { guest.play([UInt8].pattern(1920), stream: stream) }
    // One is on its way back when the memory goes: another has the loan of the last.
    let loan = bench.hosts[1].borrow(480)

    try guest.frontEnd.demand(.removeMemoryRegion, region)
    bench.hosts[1].commit(480)
    switch step {
    case "release":
      #expect(guest.request(.release, 0) == .ok)
      #expect(guest.requests([.stop, .release], 1) == .ok)
    case "stop ring": _ = try guest.frontEnd.stopRing(SoundGuest.transmit)
    case "pause": try guest.frontEnd.stop()
    case "disconnect": bench.disconnect()
    default:
      try guest.frontEnd.request(
        .setRingAddresses, guest.frontEnd.ram.ring(SoundGuest.transmit).encoded)
    }
    bench.hosts[1].hear(480)
    bench.loop.run()

    withExtendedLifetime(loan) {}
    if step == "disconnect" { return #expect(bench.card.memory.regions.isEmpty) }
    if step != "pause" { #expect(guest.request(.release, 0) == .ok) }
  }

  @Test("audio whose memory is taken away is silence, and its buffers come back (hostile 19)")
  func goneAudio() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    let other = try GuestRAM(guestAddress: 0x8000_0000, userAddress: 0x7e00_0000_0000)
    let region: [UInt8] = .of(UInt64(0)) + other.range.encoded
    try guest.frontEnd.demand(.addMemoryRegion, region, [other.file])
    #expect(guest.bring(to: .running) == .ok)
    let ring = guest.rings[SoundGuest.transmit]
    let header = guest.memory.allocate(16)
    guest.memory.write([0, 0, 0, 0], at: header)
    ring.add([
      GuestRing.Piece(header, 4), GuestRing.Piece(0x8000_0000, 1920),
      GuestRing.Piece(header + 8, 8, writable: true),
    ])
    guest.publish(SoundGuest.transmit)
    bench.loop.run()
    #expect(bench.hosts[0].hear(100).count == 400)

    try guest.frontEnd.demand(.removeMemoryRegion, region)

    var heard = 0
    while case let bytes = bench.hosts[0].hear(480), !bytes.isEmpty {
      #expect(bytes.allSatisfy { $0 == 0 })
      heard += bytes.count
    }
    #expect(heard == 1520)
    #expect(guest.used(SoundGuest.transmit).map(\.length) == [8])
  }
}
