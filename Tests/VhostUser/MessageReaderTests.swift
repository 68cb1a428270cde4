// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import TestSupport
import Testing

@testable import VhostUser

@Suite("MessageReader")
struct MessageReaderTests {
  private static func messages(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { index in
      Message(request: UInt32(index + 1), flags: 1, payload: Array(repeating: 7, count: index % 5)).encoded
    }
  }

  @Test(
    "50 messages come out the same, whatever the size of the pieces (VU-004, hostile 6)",
    arguments: [1, 2, 3, 11, 12, 13, 5000])
  func pieces(size: Int) throws {
    var reader = MessageReader()
    var rest = Self.messages(50)[...]
    var seen: [Message] = []
    while !rest.isEmpty {
      var piece = rest.prefix(size)
      rest = rest.dropFirst(piece.count)
      while !piece.isEmpty {
        if let message = try reader.read(&piece) { seen.append(message) }
      }
    }

    #expect(seen.map(\.request) == Array(1...50))
    #expect(seen.map(\.payload.count) == (0..<50).map { $0 % 5 })
    try reader.finish()
  }

  @Test("a reader wants the header first, then the payload, and never a byte of the next message (VU-004)")
  func wanted() throws {
    var reader = MessageReader()
    #expect(reader.wanted == 12)
    var header = Golden.setRingSize[..<12]
    #expect(try reader.read(&header) == nil)
    #expect(reader.wanted == 8)
    var payload = Golden.setRingSize[12...]
    #expect(try reader.read(&payload) != nil)
    #expect(reader.wanted == 12)
  }

  @Test("descriptors that come with the payload belong to the message too (VU-004)")
  func descriptorsWithPayload() throws {
    var reader = MessageReader()
    let (one, two) = (try Descriptor.event(), try Descriptor.event())
    var header = Golden.setRingSize[..<12]
    _ = try reader.read(&header, [one])
    var payload = Golden.setRingSize[12...]

    let message = try reader.read(&payload, [two])

    #expect(message?.descriptors.map(\.raw) == [one.raw, two.raw])
  }

  @Test("descriptors do not stay for the next message (VU-006)")
  func descriptorsDoNotStay() throws {
    var reader = MessageReader()
    var input = (Golden.getFeatures + Golden.getFeatures)[...]

    #expect(try reader.read(&input, [.event()])?.descriptors.count == 1)
    #expect(try reader.read(&input)?.descriptors.count == 0)
  }

  @Test("of descriptors without end, a bounded number is kept (hostile 7)")
  func manyDescriptors() throws {
    var reader = MessageReader()
    let event = try Descriptor.event()
    for byte in Golden.setRingSize.dropLast() {
      var piece = [byte][...]
      _ = try reader.read(&piece, Array(repeating: event, count: 50))
    }
    var last = [UInt8(0)][...]

    #expect(try reader.read(&last)?.descriptors.count == 64)
  }

  @Test(
    "the end of the stream inside a header or a payload is an error (VU-007, hostile 1, 2)",
    arguments: 1..<20)
  func endInside(count: Int) throws {
    var reader = MessageReader()
    var input = Golden.setRingSize.prefix(count)
    #expect(try reader.read(&input) == nil)

    #expect(throws: FramingError.endInsideMessage) { try reader.finish() }
  }

  @Test(
    "a payload above the bound is refused before a byte of it is read (VU-007, hostile 3)",
    arguments: [4097, 0x10000, UInt32.max])
  func tooLong(size: UInt32) {
    var reader = MessageReader()
    var input = ([1, 0, 0, 0, 1, 0, 0, 0] + [UInt8].of(size))[...]

    #expect(throws: FramingError.tooLong(size)) { try reader.read(&input) }
  }

  @Test("another version is refused (VU-007, hostile 4)", arguments: [0, 2, 3] as [UInt32])
  func version(version: UInt32) {
    var reader = MessageReader()
    var input = Message(request: 1, flags: version, payload: []).encoded[...]

    #expect(throws: FramingError.version(version)) { try reader.read(&input) }
  }

  @Test("a reply where a request should be is refused (VU-007, hostile 4)")
  func reply() {
    var reader = MessageReader()
    var input = Message(request: 1, flags: 5, payload: []).encoded[...]

    #expect(throws: FramingError.replyAsRequest) { try reader.read(&input) }
  }

  @Test("reserved flags do not harm a message (hostile 4)")
  func reservedFlags() throws {
    var reader = MessageReader()
    var input = Message(request: 1, flags: 0xffff_fff1, payload: []).encoded[...]

    let message = try #require(try reader.read(&input))

    #expect(Session(device: ScriptedDevice()) { _, _ in }.handle(message) != nil)
  }

  @Test("the largest payload passes")
  func largest() throws {
    var reader = MessageReader()
    var input = Message(request: 1, flags: 1, payload: Array(repeating: 1, count: 4096)).encoded[...]

    #expect(try reader.read(&input)?.payload.count == 4096)
  }
}
