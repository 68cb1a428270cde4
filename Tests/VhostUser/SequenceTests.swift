// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import TestSupport
import Testing
import Virtqueue

@testable import VhostUser

@Suite("Session: sequences of VMMs")
struct SequenceTests {
  /// All sets of the protocol features that a front-end can take or leave.
  static let subsets: [ProtocolFeatures] = {
    let bits: [ProtocolFeatures] = [
      .multipleQueues, .acknowledgements, .configuration, .resetDevice, .memorySlots, .status,
    ]
    return (0..<1 << bits.count).map { choice in
      ProtocolFeatures(bits.indices.filter { choice >> $0 & 1 == 1 }.map { bits[$0] })
    }
  }()

  private static func started(_ base: [UInt16], enabled: Bool) -> [ScriptedDevice.Call] {
    base.indices.map { .start($0, size: 64, base: base[$0], enabled: enabled) }
  }

  private static let enables = (0..<4).map { ScriptedDevice.Call.enable($0, true) }
  private static let calls = (0..<4).map { ScriptedDevice.Call.call($0, true) }
  private static let accepted = ScriptedDevice.Call.accept(0x1_3100_0000)

  /// CALL follows KICK, and comes again after ENABLE (VU-075).
  private static let qemuStart: [ScriptedDevice.Call] =
    [accepted, .memory(regions: 1)]
    + (0..<4).flatMap { [.start($0, size: 64, base: 0, enabled: false), .call($0, true)] }
    + enables + calls

  @Test(
    "QEMU 10 creates, starts, pauses and continues, with each optional bit on and off (VU-220, VU-130)",
    arguments: subsets)
  func qemu(wanted: ProtocolFeatures) throws {
    let fixture = try Fixture()
    try fixture.frontEnd.negotiate(wanted)
    #expect(fixture.session.protocolFeatures == wanted)
    #expect(fixture.device.takeCalls() == [])

    try fixture.frontEnd.start()
    #expect(fixture.device.takeCalls() == Self.qemuStart)
    let setup = try #require(fixture.device.running[2])
    #expect(setup.descriptorTable == 0x7f00_0000_8000)
    #expect(setup.availRing == 0x7f00_0000_9000)
    #expect(setup.usedRing == 0x7f00_0000_a000)

    try fixture.frontEnd.stop()
    #expect(
      fixture.device.takeCalls() == (0..<4).map { .enable($0, false) } + (0..<4).map { .stop($0) })

    // No region comes again when slots are used (VU-057), and no status 0 or reset came (VU-130).
    try fixture.frontEnd.start(withMemory: false)
    let again = fixture.device.takeCalls()
    #expect(again.first == Self.accepted)
    #expect(again.contains(.memory(regions: 1)) == !wanted.contains(.memorySlots))
    #expect(fixture.device.running.mapValues(\.base) == [0: 100, 1: 101, 2: 102, 3: 103])
  }

  @Test("QEMU 10 enables and disables rings that the guest never set up (VU-074)")
  func qemuUnusedRings() throws {
    let fixture = try Fixture()
    fixture.frontEnd.rings[2].isConfigured = false
    fixture.frontEnd.rings[3].isConfigured = false
    try fixture.frontEnd.negotiate()

    try fixture.frontEnd.start()

    #expect(fixture.device.running.keys.sorted() == [0, 1])
    try fixture.frontEnd.stop()
    #expect(fixture.device.running.isEmpty)
  }

  @Test("QEMU 10 reads the configuration at every stage (VU-155)")
  func qemuConfiguration() throws {
    let fixture = try Fixture()
    func read() throws -> [UInt8]? {
      try fixture.frontEnd.request(
        .getConfiguration, ConfigurationRange(offset: 0, bytes: Array(repeating: 0, count: 12)).encoded)
    }
    let expected = Array(Golden.configurationReply.dropFirst(12))

    #expect(try read() == expected)
    try fixture.frontEnd.negotiate()
    #expect(try read() == expected)
    try fixture.frontEnd.start()
    #expect(try read() == expected)
    try fixture.frontEnd.stop()
    #expect(try read() == expected)
  }

  @Test("crosvm starts: owner first, no acknowledgements, address before base (VU-220)")
  func crosvm() throws {
    let fixture = try Fixture()

    try fixture.frontEnd.startAsCrosvm()

    let perRing = (0..<4).flatMap { index -> [ScriptedDevice.Call] in
      [.start(index, size: 64, base: 0, enabled: false), .enable(index, true)]
    }
    #expect(fixture.device.calls == [Self.accepted, .memory(regions: 1)] + perRing)
    #expect(fixture.device.running.allSatisfy { $1.call != nil && $1.kick != nil })
  }

  @Test("cloud-hypervisor starts: every message wants a reply, all sizes first (VU-220, VU-024)")
  func cloudHypervisor() throws {
    let fixture = try Fixture()

    try fixture.frontEnd.startAsCloudHypervisor()

    #expect(
      fixture.device.calls == [Self.accepted, .memory(regions: 1)]
        + Self.started([0, 0, 0, 0], enabled: false) + Self.enables)
    #expect(try !fixture.accepts(.setBackendDescriptor, [], [.event()]))
    #expect(fixture.device.running.count == 4)
  }

  @Test("a snapshot that is restored brings its bases, and rings start there (VU-193)")
  func restored() throws {
    let fixture = try Fixture()
    for index in 0..<4 { fixture.frontEnd.rings[index].base = UInt16(500 + index) }

    try fixture.frontEnd.negotiate()
    try fixture.frontEnd.start()

    #expect(fixture.device.running.mapValues(\.base) == [0: 500, 1: 501, 2: 502, 3: 503])
  }

  @Test("memory that changes while rings run is handed on, and the rings stay started (VU-054)")
  func memoryWhileRunning() throws {
    let fixture = try Fixture.started()
    let more = try GuestRAM(guestAddress: 0x8000_0000, userAddress: 0x7f10_0000_0000)
    let region: [UInt8] = .of(UInt64(0)) + more.range.encoded

    #expect(try fixture.accepts(.addMemoryRegion, region, [more.file]))
    #expect(try fixture.accepts(.removeMemoryRegion, region, [more.file]))
    #expect(try fixture.accepts(.addMemoryRegion, region, [more.file]))
    #expect(try fixture.accepts(.removeMemoryRegion, region))

    #expect(fixture.device.calls == [2, 1, 2, 1].map { .memory(regions: $0) })
    #expect(fixture.device.memory.regions.count == 1)
    #expect(fixture.session.hasStartedRings)
  }
}
