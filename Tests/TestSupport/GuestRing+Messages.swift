// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Sound messages as a driver writes them (VS-020, VS-110).
extension GuestRing {
  /// How the bytes of a message are spread over descriptors (VS-021, VS-111).
  package enum Cut: Equatable, Sendable, CustomStringConvertible {
    /// As Linux does: header, data and status in one each.
    case fields
    /// The readable bytes in one, the writable ones in another.
    case parts
    /// Pieces of these lengths, again and again, through fields and all; `gap` bytes lie between them.
    case pieces([Int], gap: Int)

    package var description: String {
      switch self {
      case .fields: "fields"
      case .parts: "parts"
      case .pieces(let lengths, let gap): "pieces of \(lengths), \(gap) apart"
      }
    }
  }

  /// A message in flight.
  package struct Message: Sendable {
    package var head: UInt16
    package var readable: [Piece]
    package var writable: [Piece]
    package var readableBytes: Int { readable.reduce(0) { $0 + Int($1.length) } }
    package var writableBytes: Int { writable.reduce(0) { $0 + Int($1.length) } }
  }

  /// Adds a message: readable and writable fields, in order.
  @discardableResult
  package func send(
    _ readable: [[UInt8]], _ writable: [[UInt8]], cut: Cut = .fields, as form: Form = .direct
  ) -> Message {
    let inputs = readable.map(\.count)
    var message = Message(
      head: 0, readable: place(inputs, cut, false), writable: place(writable.map(\.count), cut, true))
    scatter(readable.flatMap { $0 }, into: message.readable)
    scatter(writable.flatMap { $0 }, into: message.writable)
    message.head = add(message.readable + message.writable, as: form)
    return message
  }

  /// Adds audio to be played.
  @discardableResult
  package func play(
    _ data: [UInt8], stream: UInt32 = 0, cut: Cut = .fields, as form: Form = .direct
  ) -> Message {
    send([.little(stream), data], [[UInt8](repeating: 0xEE, count: 8)], cut: cut, as: form)
  }

  /// Adds room for `count` bytes of recorded audio.
  @discardableResult
  package func record(
    _ count: Int, stream: UInt32 = 0, cut: Cut = .fields, as form: Form = .direct
  ) -> Message {
    let writable = [[UInt8](repeating: 0xDD, count: count), [UInt8](repeating: 0xEE, count: 8)]
    return send([.little(stream)], writable, cut: cut, as: form)
  }

  private func place(_ fields: [Int], _ cut: Cut, _ writable: Bool) -> [Piece] {
    let total = fields.reduce(0, +)
    var lengths: [Int] = []
    var gap = 8
    switch cut {
    case .fields: lengths = fields
    case .parts: lengths = [total]
    case .pieces(let pattern, let wanted):
      gap = wanted
      var rest = total
      while rest > 0 {
        lengths.append(min(rest, max(1, pattern[lengths.count % pattern.count])))
        rest -= lengths[lengths.count - 1]
      }
    }
    return lengths.map { Piece(guest.allocate($0 + gap, align: 1), $0, writable: writable) }
  }

  // MARK: Contents

  /// Fills pieces with bytes, in order.
  package func scatter(_ bytes: [UInt8], into pieces: [Piece]) {
    var rest = bytes[...]
    for piece in pieces {
      guest.write(Array(rest.prefix(Int(piece.length))), at: piece.address)
      rest = rest.dropFirst(Int(piece.length))
    }
  }

  /// The bytes of pieces, in order.
  package func gather(_ pieces: [Piece]) -> [UInt8] {
    pieces.flatMap { guest.read(Int($0.length), at: $0.address) }
  }

  /// Status and latency: the last 8 writable bytes (VS-110).
  package func status(of message: Message) -> (status: UInt32, latency: UInt32) {
    let bytes = gather(message.writable).suffix(8)
    return (Array(bytes.prefix(4)).number, Array(bytes.suffix(4)).number)
  }

  /// What lies in the room for recorded audio.
  package func recorded(_ message: Message) -> [UInt8] { Array(gather(message.writable).dropLast(8)) }

  /// Lets the memory of a message be used again, once it came back.
  package func free(_ message: Message, cut: Cut) {
    var gap = 8
    if case .pieces(_, let wanted) = cut { gap = wanted }
    for piece in message.readable + message.writable { guest.free(piece.address, Int(piece.length) + gap) }
  }
}

extension [UInt8] {
  /// A number in little-endian bytes.
  package static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> (8 * T($0))) }
  }

  /// The number that four little-endian bytes make.
  package var number: UInt32 {
    reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Bytes of which no stretch looks like another, from number `first` on.
  package static func pattern(_ count: Int, from first: Int = 0) -> [UInt8] {
    (first..<first + count).map { UInt8(truncatingIfNeeded: (UInt64($0) &* 0x9e37_79b9_7f4a_7c15) >> 40) }
  }
}
