// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Platform
import TestSupport
import Testing

@testable import VhostUser

@Suite("Session: rings")
struct RingTests {
  /// What is needed before ring 1 runs, one step each.
  enum Step: CaseIterable, Sendable {
    case features, memory, size, base, addresses, kick, call
  }

  func perform(_ step: Step, _ fixture: Fixture) throws {
    let frontEnd = fixture.frontEnd
    switch step {
    case .features: try frontEnd.demand(.setFeatures, .of(UInt64(1 << 32 | 1 << 30)))
    case .memory:
      let table: [UInt8] = .of(UInt32(1)) + .of(UInt32(0)) + frontEnd.ram.range.encoded
      try frontEnd.demand(.setMemoryTable, table, [frontEnd.ram.file])
    case .size: #expect(try fixture.number(.setRingSize, 1, 64))
    case .base: #expect(try fixture.number(.setRingBase, 1, 7))
    case .addresses: try frontEnd.demand(.setRingAddresses, frontEnd.ram.ring(1).encoded)
    case .kick: try frontEnd.demand(.setRingKick, frontEnd.ringDescriptor(1), [frontEnd.rings[1].kick])
    case .call: try frontEnd.demand(.setRingCall, frontEnd.ringDescriptor(1), [frontEnd.rings[1].call])
    }
  }

  static let orders: [[Step]] = permutations(Step.allCases)

  static func permutations(_ steps: [Step]) -> [[Step]] {
    guard steps.count > 1 else { return [steps] }
    return steps.flatMap { first in permutations(steps.filter { $0 != first }).map { [first] + $0 } }
  }

  @Test("in each of the 5040 orders of its set-up a ring ends up running, with everything (VU-044, VU-073)")
  func anyOrder() throws {
    // One test, not 5040: a case of its own for each order would bury the others' names.
    for order in Self.orders {
      let fixture = try Fixture()
      for step in order { try perform(step, fixture) }
      let setup = try #require(fixture.device.running[1], "\(order)")
      #expect(setup.size == 64 && setup.base == 7 && !setup.enabled, "\(order)")
      #expect(setup.kick != nil && setup.call != nil, "\(order)")
      let addresses = fixture.frontEnd.ram.ring(1)
      #expect(setup.descriptorTable == addresses.descriptorTable, "\(order)")
      #expect(setup.availRing == addresses.availRing && setup.usedRing == addresses.usedRing, "\(order)")
      #expect(fixture.device.running.count == 1, "\(order)")
    }
  }

  @Test(
    "while one of the necessary pieces is missing a ring does not run (VU-073)",
    arguments: [Step.features, .memory, .size, .addresses, .kick])
  func missing(step: Step) throws {
    let fixture = try Fixture()

    for other in Step.allCases where other != step { try perform(other, fixture) }

    #expect(fixture.device.running.isEmpty)
    #expect(!fixture.session.hasStartedRings)
  }

  @Test("a ring without a kick descriptor runs and is to be polled, without a call it is not called (VU-076)")
  func polled() throws {
    let fixture = try Fixture()
    for step in [Step.features, .memory, .size, .addresses] { try perform(step, fixture) }

    #expect(try fixture.accepts(.setRingCall, RingDescriptor(index: 1, isWithout: true).encoded))
    #expect(try fixture.accepts(.setRingKick, RingDescriptor(index: 1, isWithout: true).encoded))

    let setup = try #require(fixture.device.running[1])
    #expect(setup.kick == nil && setup.call == nil)
  }

  @Test("sizes of 1 to 32768 that are powers of two are taken (VU-070)", arguments: 0...15)
  func sizes(exponent: UInt32) throws {
    #expect(try Fixture().number(.setRingSize, 0, 1 << exponent))
  }

  @Test(
    "other sizes are refused (VU-070, hostile 13)", arguments: [0, 3, 63, 32769, 0x10000, .max] as [UInt32])
  func badSizes(size: UInt32) throws {
    let fixture = try Fixture.started()
    _ = try fixture.frontEnd.stopRing(0)

    #expect(try !fixture.number(.setRingSize, 0, size))

    #expect(fixture.session.rings[0].size == 64)
  }

  static let ringRequests: [Request] = [
    .setRingSize, .setRingBase, .setRingEnable, .setRingAddresses, .setRingKick, .setRingCall, .setRingError,
  ]

  @Test(
    "a ring that does not exist is refused in every message (VU-043, hostile 12)",
    arguments: ringRequests, [4, 255, .max] as [UInt32])
  func badIndex(request: Request, index: UInt32) throws {
    let fixture = try Fixture.started()
    let addresses = fixture.frontEnd.ram.ring(1)
    let payload =
      request == .setRingAddresses ? .of(index) + addresses.encoded[4...] : [UInt8].of(index) + .of(UInt32(0))
    let takesDescriptor = [.setRingKick, .setRingCall, .setRingError].contains(request)

    #expect(try !fixture.accepts(request, payload, takesDescriptor ? [.event()] : []))

    #expect(fixture.device.calls == [])
  }

  @Test(
    "the base of a ring that does not exist is answered with 0 (VU-026, hostile 12)",
    arguments: [4, 255, .max] as [UInt32])
  func baseOfNoRing(index: UInt32) throws {
    let fixture = try Fixture.started()

    let reply = try fixture.frontEnd.request(.getRingBase, RingNumber(index: index, number: 5).encoded)

    #expect(reply == RingNumber(index: index, number: 0).encoded)
  }

  @Test("a base beyond 16 bits is refused (VU-071, hostile 24)", arguments: [65536, .max] as [UInt32])
  func badBase(base: UInt32) throws {
    #expect(try !Fixture().number(.setRingBase, 0, base))
  }

  @Test(
    "stopping gives the device's base once and the same again, and forgets kick and call (VU-086 to VU-090)")
  func stops() throws {
    let fixture = try Fixture.started()

    #expect(try fixture.frontEnd.stopRing(2) == 102)
    #expect(try fixture.frontEnd.stopRing(2) == 102)

    #expect(fixture.device.calls == [.stop(2)])
    let ring = fixture.session.rings[2]
    #expect(ring.call == nil && ring.error != nil && ring.size == 64 && ring.addresses != nil)
    #expect(ring.isEnabled)
  }

  @Test("a ring that was stopped starts with its next kick, at the base it had (VU-089)")
  func restarts() throws {
    let fixture = try Fixture.started()
    _ = try fixture.frontEnd.stopRing(1)
    _ = fixture.device.takeCalls()

    try perform(.kick, fixture)

    #expect(fixture.device.calls == [.start(1, size: 64, base: 101, enabled: true)])
  }

  @Test("a ring that never ran gives back the base that was set (VU-090, hostile 25)")
  func baseOfStopped() throws {
    let fixture = try Fixture()
    #expect(try fixture.frontEnd.stopRing(0) == 0)
    #expect(try fixture.number(.setRingBase, 0, 999))
    #expect(try fixture.frontEnd.stopRing(0) == 999)
    #expect(fixture.device.calls == [])
  }

  @Test(
    "enabling is remembered for rings that do not run, and told to those that do (VU-074, VU-080, VU-085)")
  func enabling() throws {
    let fixture = try Fixture.started()
    #expect(try fixture.number(.setRingEnable, 3, 0))
    #expect(fixture.device.takeCalls() == [.enable(3, false)])
    _ = try fixture.frontEnd.stopRing(3)
    _ = fixture.device.takeCalls()

    #expect(try fixture.number(.setRingEnable, 3, 1))

    #expect(fixture.device.calls == [])
    try fixture.frontEnd.request(.setRingKick, fixture.frontEnd.ringDescriptor(3), [.event()])
    #expect(fixture.device.calls == [.start(3, size: 64, base: 103, enabled: true)])
  }

  @Test("enabling by another number, or without bit 30, is refused (VU-085, hostile 23)")
  func badEnabling() throws {
    let fixture = try Fixture.started()
    #expect(try !fixture.number(.setRingEnable, 0, 2))
    #expect(try !fixture.number(.setRingEnable, 0, .max))
    #expect(fixture.device.calls == [])

    let fresh = try Fixture()
    #expect(try !fresh.number(.setRingEnable, 0, 1))
    try fresh.frontEnd.demand(.setFeatures, .of(UInt64(1 << 32)))
    #expect(try !fresh.number(.setRingEnable, 0, 0))
  }

  @Test("descriptors of a running ring are replaced in it (VU-075, VU-076)")
  func replacing() throws {
    let fixture = try Fixture.started()

    for request in [Request.setRingKick, .setRingCall, .setRingError] {
      #expect(try fixture.accepts(request, fixture.frontEnd.ringDescriptor(2), [.event()]))
      #expect(try fixture.accepts(request, RingDescriptor(index: 2, isWithout: true).encoded))
    }

    #expect(
      fixture.device.calls == [
        .kick(2, true), .kick(2, false), .call(2, true), .call(2, false), .error(2, true), .error(2, false),
      ])
  }

  @Test("a descriptor that would make us wait is changed so that it does not (VU-077, hostile 22)")
  func nonBlocking() throws {
    let fixture = try Fixture.started()
    let blocking = Descriptor(owning: eventfd(0, 0))

    #expect(try fixture.accepts(.setRingKick, fixture.frontEnd.ringDescriptor(0), [blocking]))

    #expect(fixture.device.running[0]?.kick?.readEvent() == .nothing)
  }

  static let descriptorRequests: [Request] = [.setRingKick, .setRingCall, .setRingError]

  @Test(
    "a number of descriptors that does not fit the announcement is refused (VU-042, hostile 20)",
    arguments: descriptorRequests)
  func descriptorCounts(request: Request) throws {
    let fixture = try Fixture.started()
    let event = try Descriptor.event()

    #expect(try !fixture.accepts(request, fixture.frontEnd.ringDescriptor(0)))
    #expect(try !fixture.accepts(request, fixture.frontEnd.ringDescriptor(0), [event, event]))
    #expect(try !fixture.accepts(request, RingDescriptor(index: 0, isWithout: true).encoded, [event]))

    #expect(fixture.device.calls == [])
  }

  @Test(
    "a ring that the device refuses stays stopped, its error descriptor tells, and it is tried again (VU-078)"
  )
  func refusedStart() throws {
    let fixture = try Fixture()
    fixture.device.startFailure = RingError("the base is far from the ring's index")
    try fixture.frontEnd.negotiate()
    try fixture.frontEnd.start()
    #expect(!fixture.session.hasStartedRings)
    #expect(fixture.frontEnd.rings[0].error.readEvent() == .signalled)

    fixture.device.startFailure = nil
    #expect(try fixture.number(.setRingBase, 0, 12))

    #expect(fixture.device.running[0]?.base == 12)
  }

  @Test(
    "new addresses of a running ring restart it there, at its own base; the same ones do nothing (VU-054)")
  func readdressing() throws {
    let fixture = try Fixture.started()
    #expect(try fixture.accepts(.setRingAddresses, fixture.frontEnd.ram.ring(1).encoded))
    #expect(fixture.device.calls == [])
    var moved = fixture.frontEnd.ram.ring(9)
    moved.index = 1

    #expect(try fixture.accepts(.setRingAddresses, moved.encoded))

    #expect(fixture.device.calls == [.stop(1), .start(1, size: 64, base: 101, enabled: true)])
    #expect(fixture.device.running[1]?.descriptorTable == moved.descriptorTable)
  }

  @Test("size and base of a running ring cannot be changed; the same values do nothing")
  func changesWhileRunning() throws {
    let fixture = try Fixture.started()

    #expect(try fixture.number(.setRingSize, 0, 64))
    #expect(try !fixture.number(.setRingSize, 0, 128))
    #expect(try fixture.number(.setRingBase, 0, 0))
    #expect(try !fixture.number(.setRingBase, 0, 5))

    #expect(fixture.device.calls == [])
  }
}
