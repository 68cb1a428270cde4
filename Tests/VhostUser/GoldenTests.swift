// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import TestSupport
import Testing

@testable import VhostUser

/// The bytes of messages, as they are on the wire of a little-endian machine (VU-001).
enum Golden {
  static let getFeatures: [UInt8] = [
    0x01, 0, 0, 0,  // request
    0x01, 0, 0, 0,  // version 1
    0x00, 0, 0, 0,  // payload size
  ]
  static let featuresReply: [UInt8] = [
    0x01, 0, 0, 0,  // request
    0x05, 0, 0, 0,  // version 1, reply
    0x08, 0, 0, 0,  // payload size
    0, 0, 0, 0x71, 0x01, 0, 0, 0,  // bits 24, 28, 29, 30, 32
  ]
  static let protocolFeaturesReply: [UInt8] = [
    0x0f, 0, 0, 0, 0x05, 0, 0, 0, 0x08, 0, 0, 0,
    0x09, 0xa2, 0x01, 0, 0, 0, 0, 0,  // bits 0, 3, 9, 13, 15, 16
  ]
  static let queueCountReply: [UInt8] = [
    0x11, 0, 0, 0, 0x05, 0, 0, 0, 0x08, 0, 0, 0,
    0x04, 0, 0, 0, 0, 0, 0, 0,
  ]
  static let slotsReply: [UInt8] = [
    0x24, 0, 0, 0, 0x05, 0, 0, 0, 0x08, 0, 0, 0,
    0xfd, 0x01, 0, 0, 0, 0, 0, 0,  // 509
  ]
  /// Ring 2 has 64 entries, acknowledgement wanted.
  static let setRingSize: [UInt8] = [
    0x08, 0, 0, 0,  // request
    0x09, 0, 0, 0,  // version 1, needs reply
    0x08, 0, 0, 0,  // payload size
    0x02, 0, 0, 0,  // ring
    0x40, 0, 0, 0,  // entries
  ]
  static let setRingSizeReply: [UInt8] = [
    0x08, 0, 0, 0, 0x05, 0, 0, 0, 0x08, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,  // success
  ]
  static let setRingAddresses: [UInt8] = [
    0x09, 0, 0, 0, 0x01, 0, 0, 0, 0x28, 0, 0, 0,
    0x01, 0, 0, 0,  // ring
    0x00, 0, 0, 0,  // flags
    0x00, 0x10, 0, 0, 0, 0, 0, 0,  // descriptors
    0x00, 0x30, 0, 0, 0, 0, 0, 0,  // used
    0x00, 0x20, 0, 0, 0, 0, 0, 0,  // avail
    0x00, 0x00, 0, 0, 0, 0, 0, 0,  // log
  ]
  static let ringBaseReply: [UInt8] = [
    0x0b, 0, 0, 0, 0x05, 0, 0, 0, 0x08, 0, 0, 0,
    0x03, 0, 0, 0,  // ring
    0x34, 0x12, 0, 0,  // index
  ]
  static let getConfiguration: [UInt8] = [
    0x18, 0, 0, 0, 0x01, 0, 0, 0, 0x18, 0, 0, 0,
    0x00, 0, 0, 0,  // offset
    0x0c, 0, 0, 0,  // size
    0x00, 0, 0, 0,  // flags
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  ]
  static let configurationReply: [UInt8] = [
    0x18, 0, 0, 0, 0x05, 0, 0, 0, 0x18, 0, 0, 0,
    0x00, 0, 0, 0,  // offset
    0x0c, 0, 0, 0,  // size
    0x00, 0, 0, 0,  // flags
    0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,  // no jack, two streams, one map
  ]
  static let region: [UInt8] = [
    0x00, 0x00, 0x00, 0x40, 0, 0, 0, 0,  // guest address
    0x00, 0x00, 0x10, 0x00, 0, 0, 0, 0,  // size
    0x00, 0x00, 0x00, 0x00, 0x00, 0x7f, 0, 0,  // user address
    0x00, 0x20, 0x00, 0x00, 0, 0, 0, 0,  // offset in the file
  ]
}

@Suite("Golden bytes")
struct GoldenTests {
  static func message(_ bytes: [UInt8]) throws -> Message {
    var reader = MessageReader()
    var input = bytes[...]
    return try #require(try reader.read(&input))
  }

  static let exchanges: [(name: String, message: [UInt8], reply: [UInt8])] = [
    ("GET_FEATURES", Golden.getFeatures, Golden.featuresReply),
    ("GET_PROTOCOL_FEATURES", header(15), Golden.protocolFeaturesReply),
    ("GET_QUEUE_NUM", header(17), Golden.queueCountReply),
    ("GET_MAX_MEM_SLOTS", header(36), Golden.slotsReply),
    ("SET_VRING_NUM", Golden.setRingSize, Golden.setRingSizeReply),
    ("GET_CONFIG", Golden.getConfiguration, Golden.configurationReply),
  ]

  static func header(_ request: UInt8) -> [UInt8] { [request, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] }

  @Test("a request is answered with exactly these bytes (VU-003)", arguments: exchanges)
  func exchange(name: String, message: [UInt8], reply: [UInt8]) throws {
    let session = Session(device: ScriptedDevice()) { _, _ in }
    session.protocolFeatures = .offered

    #expect(session.handle(try Self.message(message))?.encoded == reply)
  }

  @Test("a stopped ring's base is answered with exactly these bytes (VU-086)")
  func ringBase() throws {
    let session = Session(device: ScriptedDevice()) { _, _ in }
    session.rings[3].base = 0x1234

    let reply = session.handle(
      Message(request: 11, flags: 1, payload: RingNumber(index: 3, number: 0).encoded))

    #expect(reply?.encoded == Golden.ringBaseReply)
  }

  @Test("addresses of a ring come in the order descriptors, used, avail (VU-041)")
  func addresses() throws {
    let message = try Self.message(Golden.setRingAddresses)
    let expected = RingAddresses(index: 1, descriptorTable: 0x1000, usedRing: 0x3000, availRing: 0x2000)

    #expect(RingAddresses(message.payload) == expected)
    #expect(expected.encoded == message.payload)
    #expect(message.encoded == Golden.setRingAddresses)
  }

  @Test("a region has guest address, size, user address and offset (VU-041)")
  func region() {
    let expected = MemoryRange(
      guestAddress: 0x4000_0000, size: 0x10_0000, userAddress: 0x7f00_0000_0000, fileOffset: 0x2000)

    #expect(MemoryRange(Golden.region, at: 0) == expected)
    #expect(expected.encoded == Golden.region)
  }

  @Test("a ring's descriptor is announced by its index and bit 8 for none (VU-042)")
  func ringDescriptor() {
    #expect(RingDescriptor([3, 0, 0, 0, 0, 0, 0, 0]) == RingDescriptor(index: 3, isWithout: false))
    #expect(RingDescriptor([2, 1, 0, 0, 0, 0, 0, 0]) == RingDescriptor(index: 2, isWithout: true))
    #expect(RingDescriptor(index: 2, isWithout: true).encoded == [2, 1, 0, 0, 0, 0, 0, 0])
  }

  @Test("the requests have the protocol's numbers, without a gap")
  func numbers() {
    #expect(Request.allCases.map(\.rawValue) == Array(1...44))
    #expect(Request.rows.map(\.request) == Request.allCases)
    #expect(Request.rows.allSatisfy { !$0.name.isEmpty })
  }

  @Test("numbers beyond the end of a payload are nil", arguments: [-1, 5, 8, Int.max])
  func beyondTheEnd(offset: Int) {
    #expect([UInt8](repeating: 1, count: 8).number(UInt32.self, at: offset) == nil)
  }
}
