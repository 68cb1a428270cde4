// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Sound

/// A card with two outputs and an input.
func testCard() throws -> CardDescription {
  let wide = DeviceCapabilities(
    formats: SampleFormat.s16.bit | SampleFormat.float.bit | SampleFormat.u8.bit,
    rates: SampleRate.hz48000.bit | SampleRate.hz44100.bit, channels: 1...8)
  let narrow = DeviceCapabilities(
    formats: SampleFormat.s16.bit, rates: SampleRate.hz8000.bit | SampleRate.hz24000.bit, channels: 2...2,
    positions: [4, 3])
  return CardDescription(offers: [
    try StreamOffer(StreamSpecification(.output), index: 0, on: wide),
    try StreamOffer(StreamSpecification(.output, nid: 3), index: 1, on: narrow),
    try StreamOffer(StreamSpecification(.input), index: 2, on: narrow),
  ])
}

/// A request whose numbers follow each other.
func request(_ numbers: UInt32...) -> [UInt8] { numbers.flatMap { [UInt8].little($0) } }

/// SET_PARAMS with good values, which a test may spoil.
struct SetParameters {
  var stream: UInt32 = 0
  var buffer: UInt32 = 19_200
  var period: UInt32 = 4800
  var features: UInt32 = 0
  var channels: UInt8 = 2
  var format: UInt8 = 5
  var rate: UInt8 = 7
  var padding: UInt8 = 0

  var bytes: [UInt8] {
    request(0x0101, stream, buffer, period, features) + [channels, format, rate, padding]
  }
}

@Suite("Control requests")
struct ControlRequestTests {
  let card: CardDescription

  init() throws { card = try testCard() }

  private func status(_ bytes: [UInt8], room: UInt32 = 1 << 16) -> ControlStatus? {
    if case .answer(let answer) = card.request(bytes, room: room) { answer.status } else { nil }
  }

  private static let lengths: [UInt32: Int] = [
    0x0001: 16, 0x0002: 16, 0x0100: 16, 0x0101: 24, 0x0102: 8, 0x0103: 8, 0x0104: 8, 0x0105: 8, 0x0200: 16,
  ]

  @Test(
    "every code, cut at every length, is BAD_MSG, and whole or longer it is read (VS-028, hostile 1, 2, 8)")
  func truncated() {
    for (code, length) in Self.lengths {
      let whole = code == 0x0101 ? SetParameters().bytes : request(code, 0, 0, 24)
      for count in 0..<length {
        #expect(status(Array(whole.prefix(count))) == .badMessage, "\(code) of \(count) bytes")
      }
      let exact = card.request(Array(whole.prefix(length)), room: 4096)
      #expect(card.request(whole + .init(repeating: 0xFF, count: 200), room: 4096) == exact)
      // There are no jacks: no id of one is right.
      if code != 0x0002 { #expect(exact != .answer(ControlAnswer(.badMessage)), "\(code)") }
    }
  }

  @Test("unknown codes and those of control elements are NOT_SUPP (B5, VS-027, hostile 3, 38)")
  func unknown() {
    for code: UInt32 in [
      0, 3, 0x00FF, 0x0106, 0x0201, 0x0300, 0x0301, 0x0306, 0x8000, 0x0101_0000, 0xFFFF_FFFF,
    ] {
      #expect(status(request(code, 0, 0, 0)) == .notSupported, "\(code)")
      #expect(status(request(code)) == .notSupported, "\(code)")
    }
  }

  @Test("a stream that does not exist is BAD_MSG in every request (B3, VS-071, hostile 17)")
  func streams() {
    for code: UInt32 in [0x0102, 0x0103, 0x0104, 0x0105] {
      for stream: UInt32 in [3, 4, 64, 0x8000_0000, 0xFFFF_FFFF] {
        #expect(status(request(code, stream)) == .badMessage)
        #expect(status(SetParameters(stream: stream).bytes) == .badMessage)
      }
    }
    #expect(card.request(request(0x0102, 2), room: 4) == .command(.prepare, stream: 2))
    #expect(card.request(request(0x0103, 1), room: 4) == .command(.release, stream: 1))
    #expect(card.request(request(0x0104, 0), room: 4) == .command(.start, stream: 0))
    #expect(card.request(request(0x0105, 0), room: 4) == .command(.stop, stream: 0))
  }

  // MARK: Items

  private func items(_ code: UInt32, _ first: UInt32, _ count: UInt32, _ size: UInt32, room: UInt32 = 1 << 16)
    -> [[UInt8]]?
  {
    guard case .answer(let answer) = card.request(request(code, first, count, size), room: room),
      answer.status == .ok
    else { return nil }
    #expect(answer.stride == size)
    #expect(answer.length == 4 + UInt64(count) * UInt64(size))
    return answer.items
  }

  @Test("PCM_INFO says what each stream can do, byte for byte (VS-060)")
  func pcmItems() throws {
    let golden: [[UInt8]] = [
      [
        0, 0, 0, 0, 0x14, 0, 0, 0, 0x30, 0, 8, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0,
        0,
      ].map { $0 },
      [
        3, 0, 0, 0, 0x14, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x80, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0,
        0,
        0,
      ],
      [
        0, 0, 0, 0, 0x14, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0,
        0,
        0,
      ],
    ]
    #expect(items(0x0100, 0, 3, 32) == golden)
    #expect(items(0x0100, 1, 2, 32) == Array(golden[1...]))
  }

  @Test("channel maps name positions for each count of channels, byte for byte (VS-155…157)")
  func mapItems() throws {
    #expect(card.maps.count == 8 + 1 + 1)
    let all = try #require(items(0x0200, 0, 10, 24))
    #expect(all[0] == [0, 0, 0, 0, 0, 1, 2] + .init(repeating: 0, count: 17))
    #expect(all[1] == [0, 0, 0, 0, 0, 2, 3, 4] + .init(repeating: 0, count: 16))
    #expect(all[5] == [0, 0, 0, 0, 0, 6, 3, 4, 5, 6, 7, 8] + .init(repeating: 0, count: 12))
    #expect(all[8] == [3, 0, 0, 0, 0, 2, 4, 3] + .init(repeating: 0, count: 16))
    #expect(all[9] == [0, 0, 0, 0, 1, 2, 4, 3] + .init(repeating: 0, count: 16))
    #expect(all.map(\.count) == .init(repeating: 24, count: 10))
  }

  @Test("every map names each position once, and none that Linux does not know (VS-156)")
  func positions() {
    for count in 1...18 {
      let positions = ChannelMap.standard(count)
      #expect(positions.count == count)
      #expect(Set(positions).count == count)
      #expect(positions.allSatisfy { (2...36).contains($0) })
    }
    #expect(ChannelMap.standard(0).isEmpty)
  }

  @Test("the configuration counts jacks, streams, maps and controls (VS-007, VS-008)")
  func configuration() {
    #expect(card.configuration == request(0, 3, 10, 0))
  }

  @Test("a query of nothing is OK anywhere up to the end, whatever its size (VS-041)")
  func nothing() {
    for size: UInt32 in [0, 1, 32, 0xFFFF_FFFF] {
      #expect(items(0x0100, 0, 0, size, room: 4) == [])
      #expect(items(0x0100, 3, 0, size, room: 4) == [])
      #expect(items(0x0001, 0, 0, size, room: 4) == [])
      #expect(status(request(0x0100, 4, 0, size)) == .badMessage)
    }
  }

  @Test("a range outside the items is BAD_MSG, without overflow and without memory (hostile 4, 5)")
  func ranges() {
    for (first, count): (UInt32, UInt32) in [
      (0xFFFF_FFFF, 2), (0xFFFF_FFFF, 0xFFFF_FFFF), (0, 0xFFFF_FFFF), (0, 4), (1, 3), (3, 1), (4, 0),
    ] {
      for size: UInt32 in [1, 32, 0xFFFF_FFFF] {
        #expect(status(request(0x0100, first, count, size), room: .max) == .badMessage)
      }
    }
    #expect(status(request(0x0001, 0, 1, 24)) == .badMessage)
    #expect(status(request(0x0200, 0, 11, 24)) == .badMessage)
  }

  @Test(
    "any size above 0 is the distance of items; too little room is BAD_MSG (VS-042, VS-043, hostile 6, 7)")
  func strides() {
    #expect(status(request(0x0100, 0, 1, 0)) == .badMessage)
    for size: UInt32 in [1, 3, 24, 31, 32, 33, 64] {
      let needed = 4 + 3 * size
      #expect(items(0x0100, 0, 3, size, room: needed)?.count == 3)
      #expect(status(request(0x0100, 0, 3, size), room: needed - 1) == .badMessage)
      #expect(status(request(0x0100, 0, 3, size), room: 0) == .badMessage)
    }
    #expect(status(request(0x0100, 0, 3, 0x5555_5555), room: .max) == .badMessage)
  }

  @Test("what a guest makes the card write is bounded (VS-193)")
  func bounded() {
    #expect(status(request(0x0100, 0, 1, 60 << 20), room: 64 << 20) == .badMessage)
    #expect(items(0x0100, 0, 3, 4096)?.count == 3)
  }

  // MARK: SET_PARAMS

  private func parameters(_ change: (inout SetParameters) -> Void) -> ControlRequest {
    var request = SetParameters()
    change(&request)
    return card.request(request.bytes, room: 4)
  }

  @Test("sound parameters are taken as they are (VS-070)")
  func parameters() throws {
    let request = parameters {
      $0.features = 0x14
      $0.padding = 0xFF
    }
    guard case .setParameters(let parameters, let stream) = request else {
      Issue.record("\(request)")
      return
    }
    #expect(stream == 0)
    #expect(parameters.bufferBytes == 19_200 && parameters.periodBytes == 4800)
    #expect(parameters.features == [.messagePolling, .xrunEvents])
    #expect(parameters.channels == 2 && parameters.format == .s16 && parameters.rate == .hz48000)
    #expect(parameters.frameBytes == 4 && parameters.periodFrames == 1200 && parameters.bufferFrames == 4800)
  }

  @Test("every format and rate byte is either offered or NOT_SUPP (B7, VS-072, hostile 9)")
  func formatsAndRates() {
    for byte in UInt8.min...UInt8.max {
      let format = parameters { $0.format = byte }
      let rate = parameters { $0.rate = byte }
      let isFormat = [4, 5, 19].contains(byte)
      let isRate = [6, 7].contains(byte)
      #expect((format == .answer(ControlAnswer(.notSupported))) == !isFormat, "format \(byte)")
      #expect((rate == .answer(ControlAnswer(.notSupported))) == !isRate, "rate \(byte)")
    }
  }

  @Test("channels outside the offer are NOT_SUPP (hostile 12)")
  func channels() {
    for channels: UInt8 in [0, 9, 18, 255] {
      #expect(parameters { $0.channels = channels } == .answer(ControlAnswer(.notSupported)))
    }
    #expect(
      parameters {
        $0.stream = 1; $0.rate = 1; $0.channels = 1
      } == .answer(ControlAnswer(.notSupported)))
  }

  @Test("features that are not offered are NOT_SUPP, one by one (hostile 13)")
  func features() {
    for bit in 0..<32 {
      let answer = parameters { $0.features = 1 << UInt32(bit) }
      #expect((answer == .answer(ControlAnswer(.notSupported))) == ![2, 4].contains(bit), "bit \(bit)")
    }
    #expect(parameters { $0.features = 3 } == .answer(ControlAnswer(.notSupported)))
  }

  @Test("sizes that cannot be are BAD_MSG, too large ones are not supported (VS-073, VS-074, hostile 10, 11)")
  func sizes() {
    let bad = ControlRequest.answer(ControlAnswer(.badMessage))
    let unsupported = ControlRequest.answer(ControlAnswer(.notSupported))
    #expect(parameters { $0.period = 0 } == bad)
    #expect(parameters { $0.buffer = 0 } == bad)
    #expect(parameters { $0.buffer = 4799 } == bad)
    #expect(parameters { $0.buffer = 9601 } == bad)
    // No whole frames of 4 bytes.
    #expect(parameters { ($0.period, $0.buffer) = (4802, 9604) } == bad)
    #expect(parameters { $0.buffer = 0xFFFF_FFFF } == bad)
    #expect(parameters { ($0.period, $0.buffer) = (0xFFFF_FFFC, 0xFFFF_FFFC) } == unsupported)
    #expect(parameters { ($0.period, $0.buffer) = (4, (16 << 20) + 4) } == unsupported)
    #expect(parameters { ($0.period, $0.buffer) = (4, 16 << 20) } != unsupported)
  }

  @Test("PCM_INFO is the same before and after SET_PARAMS (B16, VS-046)")
  func stable() {
    let before = items(0x0100, 0, 3, 32)
    for stream: UInt32 in 0..<3 { _ = parameters { $0.stream = stream } }
    #expect(items(0x0100, 0, 3, 32) == before)
  }
}
