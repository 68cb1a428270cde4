// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import Sound
import TestSupport
import Testing
import VhostUser

@testable import Daemon

@Suite("Card, rings")
struct CardRingTests {
  static let version1: UInt64 = 1 << 32
  static let everything: UInt64 = version1 | 1 << 24 | 1 << 28 | 1 << 29

  static func pipe() throws -> (reader: Descriptor, writer: Descriptor) {
    var raw: [Int32] = [0, 0]
    try #require(Glibc.pipe(&raw) == 0)
    return (Descriptor(owning: raw[0]), Descriptor(owning: raw[1]))
  }

  @Test(
    "nonsense stops one ring alone, with a signal, until its next start (VS-191, VU-078, hostile 27, 28)",
    arguments: 0..<4, ["index", "head"])
  func brokenRing(ring: Int, how: String) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)

    if how == "index" {
      guest.rings[ring].claimAvailable(guest.rings[ring].nextAvail &+ 65)
    } else {
      guest.rings[ring].offer(64)
      guest.rings[ring].publish()
    }
    guest.frontEnd.rings[ring].kick.signal()
    bench.hosts[0].xrun()
    bench.hosts[0].hear(480)
    bench.hosts[1].speak([UInt8].pattern(400))
    bench.loop.run()

    #expect(guest.frontEnd.rings[ring].error.readEvent() == .signalled)
    #expect(try guest.frontEnd.number(.getStatus) & 64 != 0)
    #expect(bench.log.lines.count { $0.contains("ring \(ring) is stopped") } == 1)
    for other in 0..<4 where other != ring {
      #expect(guest.frontEnd.rings[other].error.readEvent() == .nothing)
    }
    if ring != SoundGuest.control { #expect(guest.request(.stop) == .ok) }
    if ring != SoundGuest.receive {
      let room = guest.record(1920)
      #expect(bench.hosts[1].speak([UInt8].pattern(1920)) == 1920)
      #expect(guest.answer(room, on: SoundGuest.receive)?.count == 1928)
    }
    try guest.reboot()
    #expect(try guest.frontEnd.number(.getStatus) & 64 == 0)
    #expect(guest.bring(to: .running) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data)
    #expect(bench.hosts[0].hear(1000) == data)
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
  }

  @Test("a head that is offered twice in flight is not completed twice (hostile 29)", arguments: [0, 2])
  func headTwice(ring: Int) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    bench.hosts[1].preparing = .hang
    #expect(guest.request(.setParameters, 1) == .ok)
    let before = guest.used(ring).count

    let message = ring == 0 ? guest.ask(.prepare, 1) : guest.play([UInt8].pattern(1920))
    guest.rings[ring].offer(message.head)
    guest.publish(ring)
    guest.frontEnd.rings[ring].kick.signal()
    bench.loop.run()

    #expect(guest.frontEnd.rings[ring].error.readEvent() == .signalled)
    #expect(guest.used(ring).count - before <= 1)
  }

  @Test(
    "while a stream flows no kick is wanted, afterwards every buffer gets one (VS-063, VS-183)",
    arguments: [version1, everything])
  func kicks(features: UInt64) throws {
    let bench = try CardBench()
    let guest = try bench.guest(features)
    #expect(guest.wantsKick(SoundGuest.transmit))
    #expect(guest.bring(to: .running) == .ok)

    var kicks = 0
    for round in 0..<200 {
      let data = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 1920)
      let buffer = guest.add(SoundGuest.transmit, [.little(UInt32(0)), data], [8])
      if guest.wantsKick(SoundGuest.transmit) { kicks += 1 }
      guest.rings[SoundGuest.transmit].publish()
      #expect(bench.hosts[0].hear(480) == data)
      #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
      guest.rings[SoundGuest.transmit].free(buffer, cut: .fields)
    }
    #expect(kicks == 0)

    #expect(guest.request(.stop) == .ok)
    for _ in 0..<3 {
      #expect(guest.wantsKick(SoundGuest.transmit))
      let buffer = guest.play([1, 2, 3, 4])
      #expect(guest.answer(buffer, on: SoundGuest.transmit) == nil)
    }
    // Kicks are asked for also on the queue that nothing flows on.
    #expect(guest.wantsKick(SoundGuest.receive))
  }

  @Test("one stream that flows is enough to look at the queue of all (VS-063)")
  func kicksOfTwo() throws {
    let bench = try CardBench([.output, .output].map { StreamSpecification($0) })
    let guest = try bench.guest()
    #expect(guest.bring(0, to: .running) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    #expect(!guest.wantsKick(SoundGuest.transmit))

    #expect(guest.request(.stop, 0) == .ok)
    #expect(!guest.wantsKick(SoundGuest.transmit))
    #expect(guest.request(.stop, 1) == .ok)

    #expect(guest.wantsKick(SoundGuest.transmit))
  }

  @Test("with NOTIFY_ON_EMPTY the guest hears of an empty ring, though it asked for no notification (VS-011)")
  func notifyOnEmpty() throws {
    for (features, expected) in [(Self.version1, false), (Self.version1 | 1 << 24, true)] {
      let bench = try CardBench()
      let guest = try bench.guest(features)
      #expect(guest.bring(to: .running) == .ok)
      guest.rings[SoundGuest.transmit].setAvailFlags(1)
      guest.play([UInt8].pattern(1920))
      _ = guest.notifications(SoundGuest.transmit)

      bench.hosts[0].hear(480)

      #expect((guest.notifications(SoundGuest.transmit) > 0) == expected)
    }
  }

  @Test("a ring without a kick descriptor is looked at by itself, also when it loses one (VU-076)")
  func polled() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    let without = RingDescriptor(index: 0, isWithout: true).encoded
    try guest.frontEnd.demand(.setRingKick, without)

    let first = guest.add(0, [.little(UInt32(0x103)) + .little(UInt32(0))], [4])
    guest.rings[0].publish()
    bench.loop.run()
    #expect(guest.answer(first) == nil)
    bench.loop.advance(milliseconds: 20)
    #expect(guest.status(first) == .ok)

    // And no more once there is one again.
    try guest.frontEnd.demand(.setRingKick, guest.frontEnd.ringDescriptor(0), [guest.frontEnd.rings[0].kick])
    bench.loop.advance(milliseconds: 20)
    let second = guest.add(0, [.little(UInt32(0x103)) + .little(UInt32(0))], [4])
    guest.rings[0].publish()
    bench.loop.advance(milliseconds: 100)
    #expect(guest.answer(second) == nil)
    guest.frontEnd.rings[0].kick.signal()
    #expect(guest.status(second) == .ok)
  }

  @Test("a call descriptor that is replaced while audio flows gets what the old one may have missed (VU-075)")
  func replacedCall() throws {
    let bench = try CardBench()
    let guest = try bench.guest(Self.version1)
    #expect(guest.bring(to: .running) == .ok)
    for ring in [SoundGuest.control, SoundGuest.transmit] {
      let new = try Descriptor.event()
      try guest.frontEnd.demand(.setRingCall, guest.frontEnd.ringDescriptor(ring), [new])
      #expect(new.readEvent() == .signalled)
      _ = guest.notifications(ring)

      if ring == 0 { _ = guest.ask(.stop, 1) }
      if ring == 2 {
        guest.play([UInt8].pattern(1920))
        bench.hosts[0].hear(480)
      }

      #expect(new.readEvent() == .signalled)
      #expect(guest.notifications(ring) == 0)
    }
  }

  @Test("a call descriptor of no use is given up, the ring goes on (VU-077, hostile 22)", arguments: 0..<4)
  func brokenCall(ring: Int) throws {
    let bench = try CardBench()
    let guest = try bench.guest(Self.version1)
    // The end of a pipe that only reads.
    let (reader, writer) = try Self.pipe()
    defer { withExtendedLifetime(writer) {} }
    try guest.frontEnd.demand(.setRingCall, guest.frontEnd.ringDescriptor(ring), [reader])
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    guest.awaitEvent()

    for _ in 0..<3 {
      guest.play([UInt8].pattern(1920))
      #expect(bench.hosts[0].hear(480).count == 1920)
      let room = guest.record(1920)
      #expect(bench.hosts[1].speak([UInt8].pattern(1920)) == 1920)
      #expect(guest.answer(room, on: SoundGuest.receive) != nil)
    }
    bench.hosts[0].xrun()

    #expect(guest.used(SoundGuest.event).count == 1)
    #expect(guest.requests([.stop, .release]) == .ok)
  }

  @Test("a kick descriptor that breaks is given up with a line, the other rings go on (VU-077)")
  func brokenKick() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    let reader = try Self.pipe().reader
    try guest.frontEnd.demand(.setRingKick, guest.frontEnd.ringDescriptor(2), [reader])
    bench.loop.run()

    #expect(bench.log.lines.count { $0.contains("ring 2: its kick descriptor") } == 1)
    #expect(guest.bring(to: .running) == .ok)
    // While the stream flows nobody needs to kick.
    guest.play([UInt8].pattern(1920))
    #expect(bench.hosts[0].hear(480).count == 1920)
  }

  @Test("buffers wait in a disabled ring, and need no kick once it is enabled (VU-083, VU-084)")
  func disabled() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    try guest.frontEnd.enable(SoundGuest.control, false)
    try guest.frontEnd.enable(SoundGuest.transmit, false)

    let release = guest.ask(.release)
    let refused = guest.play([1, 2, 3, 4], stream: 1)
    #expect(guest.answer(release) == nil)
    #expect(guest.answer(refused, on: SoundGuest.transmit) == nil)
    try guest.frontEnd.enable(SoundGuest.transmit, true)
    #expect(guest.answer(refused, on: SoundGuest.transmit)?.count == 8)
    try guest.frontEnd.enable(SoundGuest.control, true)

    #expect(guest.status(release) == .ok)
  }

  @Test("a full ring of a stopped stream does not keep another from playing on the same queue (hostile 24)")
  func flood() throws {
    let bench = try CardBench([.output, .output].map { StreamSpecification($0) })
    let guest = try bench.guest(ring: 256)
    #expect(guest.bring(0, to: .stopped) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    var held = 0
    while guest.rings[SoundGuest.transmit].room >= 6 {
      guest.play([UInt8](repeating: 7, count: 8))
      held += 1
    }

    for round in 0..<20 as Range<UInt8> {
      let buffer = guest.play([UInt8](repeating: round, count: 1920), stream: 1)
      #expect(bench.hosts[1].hear(480) == [UInt8](repeating: round, count: 1920))
      #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
    }
    #expect(guest.used(SoundGuest.transmit).count == 20)
    #expect(guest.request(.start, 0) == .ok)

    // A loan has 64 pieces at most.
    let heard = bench.hosts[0].hear(10_000) + bench.hosts[0].hear(10_000)
    #expect(heard.elementsEqual([UInt8](repeating: 7, count: 8 * held)))
  }
}
