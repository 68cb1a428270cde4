// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import TestSupport
import Testing
import Virtqueue

@testable import VhostUser

@Suite("Session: features, status, configuration")
struct FeatureTests {
  @Test("features are offered the same way in every state, with bit 30 (VU-027, VU-030)")
  func offered() throws {
    let fixture = try Fixture()
    let expected: UInt64 = 0x1_7100_0000
    #expect(try fixture.frontEnd.number(.getFeatures) == expected)

    let started = try Fixture.started()
    #expect(try started.frontEnd.number(.getFeatures) == expected)
    #expect(started.device.calls == [])
  }

  @Test("protocol features can be negotiated before anything else (VU-032)")
  func protocolFirst() throws {
    let fixture = try Fixture()

    #expect(try fixture.frontEnd.number(.getProtocolFeatures) == 0x1a209)
    #expect(try fixture.accepts(.setProtocolFeatures, .of(UInt64(0x1a209))))
  }

  static let badFeatures: [UInt64] = [
    0x1_0000_0020, 0x1_0400_0000, 0x5_0000_0000, .max,  // not offered: 5, 26, 34, all
    0x4000_0000, 0,  // without VERSION_1
  ]

  @Test(
    "bits that were not offered are refused, and the former set stays (VU-033, hostile 10)",
    arguments: badFeatures)
  func refusesFeatures(bits: UInt64) throws {
    let fixture = try Fixture()
    #expect(try fixture.accepts(.setFeatures, .of(UInt64(0x1_6000_0000))))

    #expect(try !fixture.accepts(.setFeatures, .of(bits)))

    #expect(fixture.device.calls == [.accept(0x1_2000_0000)])
    #expect(fixture.session.features == 0x1_6000_0000)
  }

  @Test(
    "protocol bits that were not offered are refused (VU-035, hostile 11)",
    arguments: [1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 14, 17, 18, 19, 20, 21, 22, 63])
  func badProtocolFeatures(bit: Int) throws {
    let fixture = try Fixture()

    #expect(try !fixture.accepts(.setProtocolFeatures, .of(UInt64(0x1a209) | 1 << UInt64(bit))))
    #expect(fixture.session.protocolFeatures == [])
  }

  @Test("while rings run the same features are accepted without a stir, others refused (VU-033)")
  func featuresWhileRunning() throws {
    let fixture = try Fixture.started()
    let same = try #require(fixture.session.features)

    #expect(try fixture.accepts(.setFeatures, .of(same)))
    #expect(try !fixture.accepts(.setFeatures, .of(same ^ 0x2000_0000)))

    #expect(fixture.device.calls == [])
    #expect(fixture.session.features == same)
  }

  @Test("features without bit 30 enable all rings at once, those with it none (VU-034)")
  func enablesWithout() throws {
    let fixture = try Fixture()
    try fixture.frontEnd.request(.setFeatures, .of(UInt64(1 << 32 | 1 << 30)))
    #expect(fixture.session.rings.allSatisfy { !$0.isEnabled })

    try fixture.frontEnd.request(.setFeatures, .of(UInt64(1 << 32)))
    #expect(fixture.session.rings.allSatisfy { $0.isEnabled })

    try fixture.frontEnd.request(.setFeatures, .of(UInt64(1 << 32 | 1 << 30)))
    #expect(fixture.session.rings.allSatisfy { $0.isEnabled })
  }

  static let acknowledged: [Request] = [.setOwner, .resetOwner, .setProtocolFeatures]

  @Test(
    "what needs a reply gets one, negotiated or not; what does not need one gets none (VU-021 to VU-023)",
    arguments: acknowledged, [ProtocolFeatures.offered, []])
  func acknowledgements(request: Request, features: ProtocolFeatures) throws {
    let fixture = try Fixture()
    fixture.session.protocolFeatures = features
    let payload: [UInt8] = request == .setProtocolFeatures ? .of(UInt64(8)) : []

    #expect(try fixture.frontEnd.request(request, payload, needsReply: true) == .of(UInt64(0)))
    #expect(try fixture.frontEnd.request(request, payload) == nil)
  }

  static let gated: [(Request, ProtocolFeatures, [UInt8])] = [
    (.getQueueCount, .multipleQueues, .of(UInt64(4))), (.getMemorySlots, .memorySlots, .of(UInt64(509))),
    (.resetDevice, .resetDevice, .of(UInt64(0))),
  ]

  @Test("a request whose feature was not negotiated is refused (VU-025, VU-035)", arguments: gated)
  func needsNegotiation(request: Request, feature: ProtocolFeatures, answer: [UInt8]) throws {
    let fixture = try Fixture()
    let refusal: [UInt8] = request == .resetDevice ? .of(UInt64(1)) : .of(UInt64(0))
    #expect(try fixture.frontEnd.request(request, needsReply: true) == refusal)

    fixture.session.protocolFeatures = feature

    #expect(try fixture.frontEnd.request(request, needsReply: true) == answer)
  }

  @Test("the status is what was set, plus the device's need of a reset (VU-140)")
  func status() throws {
    let fixture = try Fixture.started()
    #expect(try fixture.accepts(.setStatus, .of(UInt64(0xf))))
    #expect(try fixture.frontEnd.number(.getStatus) == 0xf)

    fixture.device.needsReset = true

    #expect(try fixture.frontEnd.number(.getStatus) == 0x4f)
  }

  @Test("FEATURES_OK stays clear while there are no features (VU-142)")
  func featuresNotOK() throws {
    let fixture = try Fixture()
    fixture.session.protocolFeatures = .offered

    #expect(try fixture.accepts(.setStatus, .of(UInt64(11))))

    #expect(try fixture.frontEnd.number(.getStatus) == 3)
  }

  @Test("a status beyond 8 bits is refused")
  func wideStatus() throws {
    #expect(try !Fixture.started().accepts(.setStatus, .of(UInt64(256))))
  }

  @Test(
    "status 0 and RESET_DEVICE reset the device; memory and features stay (VU-134, VU-140)",
    arguments: [Request.setStatus, .resetDevice])
  func resets(request: Request) throws {
    let fixture = try Fixture.started()

    #expect(try fixture.accepts(request, request == .setStatus ? .of(UInt64(0)) : []))

    #expect(fixture.device.takeCalls() == [.reset])
    #expect(fixture.session.rings.allSatisfy { !$0.isStarted && !$0.isEnabled })
    #expect(fixture.session.features != nil)
    #expect(fixture.session.protocolFeatures == .offered)
    #expect(fixture.session.memory.memory.regions.count == 1)
    #expect(try fixture.frontEnd.number(.getStatus) == 0)

    for index in 0..<4 { #expect(try fixture.frontEnd.stopRing(index) == 0) }
    #expect(fixture.device.takeCalls() == [])
    try fixture.frontEnd.start(withMemory: false)
    #expect(fixture.device.running.count == 4)
  }

  static let ranges: [(UInt32, Int)] = [
    (0, 12), (0, 16), (4, 4), (5, 1), (8, 8), (15, 2), (0, 256), (255, 1),
  ]

  @Test(
    "any range of the space is served, zeros beyond its fields, whatever the flags (VU-150 to VU-155)",
    arguments: ranges, [0, 1, 2, 0xffff_ffff] as [UInt32])
  func reads(range: (offset: UInt32, count: Int), flags: UInt32) throws {
    let fixture = try Fixture()
    let asked = ConfigurationRange(
      offset: range.offset, flags: flags, bytes: Array(repeating: 0xee, count: range.count))

    let reply = try fixture.frontEnd.request(.getConfiguration, asked.encoded)

    var expected = asked
    expected.bytes = fixture.device.configuration(offset: Int(range.offset), count: range.count)
    #expect(reply == expected.encoded)
  }

  static let badRanges: [[UInt8]] = [
    [], [1, 2, 3],
    payload(0, 0, 0), payload(.max, 4, 4), payload(0, 4096 - 12, 4096 - 12), payload(0, 257, 257),
    payload(256, 1, 1),
    payload(0, 4, 8), payload(0, 8, 4), payload(0, .max, 4), payload(253, 4, 4),
  ]
  static func payload(_ offset: UInt32, _ size: UInt32, _ count: Int) -> [UInt8] {
    [UInt8].of(offset) + .of(size) + .of(UInt32(0)) + Array(repeating: 0, count: count)
  }

  @Test(
    "a range that is none is answered with an empty payload (VU-026, VU-153, hostile 26)",
    arguments: badRanges)
  func readsNothing(payload: [UInt8]) throws {
    #expect(try Fixture().frontEnd.request(.getConfiguration, payload) == [])
  }

  @Test("the configuration cannot be written; a migration may compare it (VU-154, hostile 27)")
  func writeConfiguration() throws {
    let fixture = try Fixture.started()
    let same = fixture.device.configuration(offset: 0, count: 12)
    func writes(_ flags: UInt32, _ bytes: [UInt8], offset: UInt32 = 0) throws -> Bool {
      try fixture.accepts(
        .setConfiguration, ConfigurationRange(offset: offset, flags: flags, bytes: bytes).encoded)
    }

    #expect(try writes(1, same))
    #expect(try writes(2, same))
    #expect(try !writes(0, same))
    #expect(try !writes(0xffff_ffff, same))
    #expect(try !writes(1, [9] + same.dropFirst()))
    #expect(try !writes(1, Array(repeating: 0, count: 8), offset: 250))
    #expect(fixture.device.calls == [])
  }
}
