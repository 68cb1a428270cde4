// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// Why the borders of messages cannot be known any more; the connection must be closed (VU-007).
package enum FramingError: Error, Equatable, CustomStringConvertible {
  case version(UInt32)
  case replyAsRequest
  case tooLong(UInt32)
  case endInsideMessage
  case descriptorsLost

  package var description: String {
    switch self {
    case .version(let version): "a message has version \(version) instead of 1"
    case .replyAsRequest: "a message is marked as a reply"
    case .tooLong(let size): "a message announces \(size) bytes, more than \(Limit.payload)"
    case .endInsideMessage: "the connection ended inside a message"
    case .descriptorsLost: "more descriptors came with a message than can be taken"
    }
  }
}

/// Cuts a stream of bytes into messages; pure, bytes may come in pieces of any size (VU-004).
package struct MessageReader {
  private var bytes: [UInt8] = []
  private var descriptors: [Descriptor] = []
  private var payloadSize: Int?

  package init() {}

  /// How many bytes to read next so as not to touch the following message, whose descriptors would
  /// otherwise arrive with this one; always above 0.
  package var wanted: Int { Header.size + (payloadSize ?? 0) - bytes.count }

  /// Whether a message has begun.
  package var isInsideMessage: Bool { !bytes.isEmpty }

  /// Takes bytes from the front of `input`, not beyond the end of a message, and the descriptors with them.
  ///
  /// - Returns: the message, once it is whole.
  package mutating func read(
    _ input: inout ArraySlice<UInt8>, _ arrived: [Descriptor] = []
  ) throws(FramingError) -> Message? {
    // What does not fit is closed; what fits is already more than any request takes.
    descriptors += arrived.prefix(Limit.descriptors - descriptors.count)
    take(&input)
    if payloadSize == nil, bytes.count == Header.size {
      payloadSize = try checkHeader()
      take(&input)
    }
    guard let payloadSize, bytes.count == Header.size + payloadSize,
      let request = bytes.number(UInt32.self, at: 0), let flags = bytes.number(UInt32.self, at: 4)
    else { return nil }
    defer { self = MessageReader() }
    return Message(
      request: request, flags: flags, payload: Array(bytes[Header.size...]), descriptors: descriptors)
  }

  /// To be called at the end of the stream.
  package func finish() throws(FramingError) {
    if isInsideMessage { throw .endInsideMessage }
  }

  private mutating func take(_ input: inout ArraySlice<UInt8>) {
    let count = min(wanted, input.count)
    bytes += input.prefix(count)
    input = input.dropFirst(count)
  }

  private func checkHeader() throws(FramingError) -> Int {
    let flags = bytes.number(UInt32.self, at: 4) ?? 0
    let size = bytes.number(UInt32.self, at: 8) ?? 0
    let version = flags & Header.versionMask
    if version != Header.version { throw .version(version) }
    if flags & Header.reply != 0 { throw .replyAsRequest }
    if size > UInt32(Limit.payload) { throw .tooLong(size) }
    return Int(size)
  }
}
