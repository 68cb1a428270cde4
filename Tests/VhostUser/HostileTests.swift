// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import TestSupport
import Testing
import Virtqueue

@testable import VhostUser

// The list "Hostile input (front-end side)" of the protocol's checklist, as far as a session sees it. Its
// framing is in MessageReaderTests, its features, sizes, indexes, descriptors and configuration in
// FeatureTests and RingTests, its files in MemoryTableTests, its connections in the daemon's tests.

@Suite("Session: hostile messages")
struct HostileTests {
  /// A session in each state that matters.
  enum State: CaseIterable, Sendable {
    case fresh, negotiated, running, stopped

    func fixture() throws -> Fixture {
      let fixture = try Fixture()
      if self == .fresh { return fixture }
      try fixture.frontEnd.negotiate()
      if self == .negotiated { return fixture }
      try fixture.frontEnd.start()
      if self == .stopped { try fixture.frontEnd.stop() }
      _ = fixture.device.takeCalls()
      return fixture
    }
  }

  @Test(
    "a request that nobody knows is consumed and refused, in every state (hostile 5)",
    arguments: State.allCases, [0, 45, 100, .max] as [UInt32])
  func unknown(state: State, request: UInt32) throws {
    let fixture = try state.fixture()
    let message = Message(request: request, flags: 9, payload: [1, 2, 3], descriptors: [try .event()])

    #expect(try fixture.frontEnd.exchange(message, expectsReply: true) == .of(UInt64(1)))
    var quiet = message
    quiet.flags = 1
    #expect(try fixture.frontEnd.exchange(quiet, expectsReply: false) == nil)
    #expect(fixture.device.calls == [])
  }

  @Test(
    "descriptors with a message that takes none: refused and closed (VU-006, hostile 7)",
    arguments: State.allCases, Request.allCases)
  func tooManyDescriptors(state: State, request: Request) throws {
    let fixture = try state.fixture()
    let payload = [UInt8](repeating: 0, count: request.row.payload?.lowerBound ?? 0)
    var descriptors: [Descriptor] = []
    for _ in 0..<40 { descriptors.append(try .event()) }
    weak let first = descriptors.first

    _ = try fixture.frontEnd.request(request, payload, descriptors, needsReply: true)
    descriptors = []

    #expect(first == nil)
    #expect(fixture.device.calls == [])
  }

  @Test(
    "any request with a payload of any wrong size is refused, in every state (VU-025)",
    arguments: State.allCases, Request.allCases)
  func wrongSizes(state: State, request: Request) throws {
    let fixture = try state.fixture()
    let sizes = request.row.payload ?? 0...0

    for size in [0, 1, 7, 9, 12, 39, 41, 4096] where !sizes.contains(size) {
      let reply = try fixture.frontEnd.request(
        request, Array(repeating: 0, count: size), needsReply: true)
      #expect(reply != .of(UInt64(0)) || request.row.refusal.isZero, "\(size) bytes")
    }
    #expect(fixture.device.calls == [])
  }

  @Test(
    "each request gets exactly one reply if it wants one, in every state, with any zeros (hostile 39)",
    arguments: State.allCases, Request.allCases)
  func oneReply(state: State, request: Request) throws {
    let fixture = try state.fixture()
    let payload = [UInt8](repeating: 0, count: request.row.payload?.lowerBound ?? 8)

    // The front-end of the tests throws when a reply is missing or too much.
    _ = try fixture.frontEnd.request(request, payload, needsReply: true)
    fixture.session.protocolFeatures = []
    _ = try fixture.frontEnd.request(request, payload, needsReply: true)
    _ = try fixture.frontEnd.request(request, payload)
  }

  static let unoffered: [(Request, [UInt8])] = [
    (.setLogBase, .of(UInt64(1))), (.setLogDescriptor, .of(UInt64(1))), (.sendRARP, .of(UInt64(1))),
    (.setNetworkMTU, .of(UInt64(1))), (.setBackendDescriptor, .of(UInt64(1))),
    (.translation, .of(UInt64(1))), (.setRingEndian, .of(UInt64(1))),
    (.createCryptoSession, .of(UInt64(1))), (.closeCryptoSession, .of(UInt64(1))),
    (.postcopyAdvise, []), (.postcopyListen, .of(UInt64(1))), (.postcopyEnd, .of(UInt64(1))),
    (.getInflightDescriptor, Array(repeating: 0, count: 24)), (.setInflightDescriptor, .of(UInt64(1))),
    (.setGPUSocket, .of(UInt64(1))), (.ringKick, .of(UInt64(1))), (.getSharedObject, []),
    (.setDeviceStateDescriptor, .of(UInt64(0x101))), (.checkDeviceState, .of(UInt64(1))),
    (.getSharedMemoryConfiguration, Array(repeating: 0, count: 2056)),
  ]

  @Test(
    "what is not offered is answered by its error form, descriptors are closed (VU-026, hostile 28 to 34)",
    arguments: unoffered, State.allCases)
  func notOffered(row: (request: Request, answer: [UInt8]), state: State) throws {
    let fixture = try state.fixture()
    var descriptor: Descriptor? = try .event()
    weak let observed = descriptor

    let reply = try fixture.frontEnd.request(
      row.request, Array(repeating: 0xff, count: 24), descriptor.map { [$0] } ?? [], needsReply: true)
    descriptor = nil

    #expect(reply == row.answer)
    #expect(observed == nil)
    #expect(fixture.device.calls == [])
  }

  static let badAddresses: [(String, @Sendable (inout RingAddresses) -> Void)] = [
    ("descriptors not aligned", { $0.descriptorTable += 8 }), ("avail not aligned", { $0.availRing += 1 }),
    ("used not aligned", { $0.usedRing += 2 }), ("outside", { $0.descriptorTable = 0x1000 }),
    ("guest address", { $0.availRing = 0x4000_1000 }), ("at the end", { $0.usedRing = 0x7f00_000f_fffc }),
    ("wraps", { $0.descriptorTable = 0xffff_ffff_ffff_fff0 }), ("same", { $0.usedRing = $0.availRing }),
    ("overlap", { $0.availRing = $0.descriptorTable + 1022 }),
  ]

  @Test(
    "addresses that cannot be are refused, and the ring does not start (VU-055, hostile 14)",
    arguments: badAddresses.indices)
  func addresses(index: Int) throws {
    let fixture = try State.stopped.fixture()
    var addresses = fixture.frontEnd.ram.ring(1)
    Self.badAddresses[index].1(&addresses)

    #expect(try !fixture.accepts(.setRingAddresses, addresses.encoded))

    #expect(fixture.session.rings[1].addresses == fixture.frontEnd.ram.ring(1))
    #expect(fixture.device.calls == [])
  }

  @Test("a ring that no longer fits its memory by its new size does not start (VU-055)")
  func sizeAfterAddresses() throws {
    let fixture = try State.stopped.fixture()
    // 16 bytes × 1024 descriptors reach into the next ring's part, and over this one's avail ring.
    #expect(try fixture.number(.setRingSize, 1, 1024))

    try fixture.frontEnd.request(.setRingKick, fixture.frontEnd.ringDescriptor(1), [.event()])

    #expect(fixture.device.calls == [])
  }

  @Test("addresses may come before memory, and the ring starts when it is there (VU-073, hostile 15)")
  func addressesFirst() throws {
    let fixture = try Fixture()
    let frontEnd = fixture.frontEnd
    try frontEnd.demand(.setFeatures, .of(UInt64(0x1_4000_0000)))
    #expect(try fixture.number(.setRingSize, 0, 64))
    try frontEnd.demand(.setRingAddresses, frontEnd.ram.ring(0).encoded)
    try frontEnd.demand(.setRingKick, frontEnd.ringDescriptor(0), [frontEnd.rings[0].kick])
    #expect(fixture.device.running.isEmpty)

    let other = try GuestRAM(guestAddress: 0, userAddress: 0x1000_0000)
    let table: [UInt8] = .of(UInt32(1)) + .of(UInt32(0))
    try frontEnd.demand(.setMemoryTable, table + other.range.encoded, [other.file])
    #expect(fixture.device.running.isEmpty)
    try frontEnd.demand(.setMemoryTable, table + frontEnd.ram.range.encoded, [frontEnd.ram.file])

    #expect(fixture.device.running.count == 1)
  }

  @Test(
    "memory that takes the rings with it is handed on; stopping them still works (VU-058, hostile 15, 19)")
  func memoryVanishes() throws {
    let fixture = try State.running.fixture()
    let region: [UInt8] = .of(UInt64(0)) + fixture.frontEnd.ram.range.encoded

    #expect(try fixture.accepts(.removeMemoryRegion, region))

    #expect(fixture.device.takeCalls() == [.memory(regions: 0)])
    #expect(try fixture.frontEnd.stopRing(0) == 100)
    #expect(try fixture.accepts(.addMemoryRegion, region, [fixture.frontEnd.ram.file]))
    #expect(fixture.device.takeCalls() == [.stop(0), .memory(regions: 1)])
  }

  @Test(
    "a memory table whose numbers do not fit is refused, and the old one stays (hostile 16)",
    arguments: [
      (0, 0, 0), (33, 33, 33), (2, 1, 2), (1, 2, 1), (.max, 1, 1), (0x0800_0000, 1, 1), (1, 1, 0),
      (1, 1, 2),
    ] as [(UInt32, Int, Int)])
  func tables(row: (told: UInt32, regions: Int, files: Int)) throws {
    let fixture = try State.running.fixture()
    let ram = fixture.frontEnd.ram
    var payload: [UInt8] = .of(row.told) + .of(UInt32(0))
    for index in 0..<row.regions {
      var range = ram.range
      range.guestAddress += UInt64(index) << 32
      range.userAddress += UInt64(index) << 32
      payload += range.encoded
    }

    #expect(try !fixture.accepts(.setMemoryTable, payload, Array(repeating: ram.file, count: row.files)))

    #expect(fixture.device.calls == [])
    #expect(fixture.session.memory.memory.regions.count == 1)
  }

  @Test("a region without a file, or with two, is refused (hostile 18)", arguments: [0, 2])
  func regionFiles(count: Int) throws {
    let fixture = try State.running.fixture()
    let more = try GuestRAM(guestAddress: 0x8000_0000, userAddress: 0x7f10_0000_0000)
    let region: [UInt8] = .of(UInt64(0)) + more.range.encoded

    #expect(try !fixture.accepts(.addMemoryRegion, region, Array(repeating: more.file, count: count)))
    #expect(try !fixture.accepts(.removeMemoryRegion, region))
    #expect(fixture.device.calls == [])
  }

  @Test("a region that is mapped and then truncated reads as zeros (VU-059, hostile 17)")
  func truncatedLater() throws {
    try Mapping.installGuard()
    let fixture = try State.running.fixture()

    try fixture.frontEnd.ram.file.truncate(to: 0)

    let mapping = try #require(fixture.device.memory.regions.first?.mapping)
    #expect(mapping.base.load(as: UInt8.self) == 0)
    #expect(mapping.lostPages == 1)
  }

  @Test("floods of resets and owners in the middle leave a consistent state (hostile 33)")
  func floods() throws {
    let fixture = try State.running.fixture()
    for _ in 0..<100 {
      #expect(try fixture.accepts(.setOwner))
      #expect(try fixture.accepts(.resetOwner))
    }
    #expect(fixture.device.calls == [])
    for _ in 0..<100 { #expect(try fixture.accepts(.resetDevice)) }
    #expect(fixture.device.takeCalls() == Array(repeating: .reset, count: 100))

    try fixture.frontEnd.start(withMemory: false)

    #expect(fixture.device.running.count == 4)
  }

  @Test("two rings may be given the same addresses and descriptors (hostile 37)")
  func sharedRings() throws {
    let fixture = try State.stopped.fixture()
    var addresses = fixture.frontEnd.ram.ring(0)
    for index in UInt32(0)..<2 {
      addresses.index = index
      #expect(try fixture.accepts(.setRingAddresses, addresses.encoded))
      let kick = fixture.frontEnd.rings[0].kick
      #expect(try fixture.accepts(.setRingKick, fixture.frontEnd.ringDescriptor(Int(index)), [kick]))
    }

    #expect(fixture.device.running.count == 2)
  }

  @Test("a storm of memory changes leaves one table and no mapping behind (hostile 38)")
  func memoryStorm() throws {
    let fixture = try State.running.fixture()
    let ram = fixture.frontEnd.ram
    let table: [UInt8] = .of(UInt32(1)) + .of(UInt32(0)) + ram.range.encoded
    weak let old = fixture.device.memory

    for _ in 0..<1000 { #expect(try fixture.accepts(.setMemoryTable, table, [ram.file])) }

    #expect(old == nil)
    #expect(fixture.device.memory.regions.count == 1)
  }
}

extension Request.Refusal {
  /// Whether it cannot be told from a good answer of the same size.
  fileprivate var isZero: Bool {
    switch self {
    case .number(0), .ring: true
    default: false
    }
  }
}
