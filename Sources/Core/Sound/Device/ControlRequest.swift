// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A request of the control queue, read and checked against the card (VS-020…032).
package enum ControlRequest: Equatable, Sendable {
  /// Answered from what is known.
  case answer(ControlAnswer)
  /// Moves stream `stream`.
  case command(PCMCommand, stream: Int)
  /// SET_PARAMS with sound values.
  case setParameters(PCMParameters, stream: Int)
}

/// The answer to a request: a status, perhaps with items.
package struct ControlAnswer: Equatable, Sendable {
  package var status: ControlStatus
  package var items: [[UInt8]] = []
  /// Bytes that each item takes, cut or filled with zeros (VS-042).
  package var stride: UInt32 = 0

  package init(_ status: ControlStatus) { self.status = status }

  init(items: [[UInt8]], stride: UInt32) {
    status = .ok
    self.items = items
    self.stride = stride
  }

  /// Bytes that are written (VS-025).
  package var length: UInt64 { 4 + UInt64(items.count) * UInt64(stride) }
}

extension CardDescription {
  /// Reads the readable part of a control message.
  ///
  /// - Parameters:
  ///   - bytes: its first bytes; what follows the longest request is of no interest (VS-028).
  ///   - room: writable bytes of the chain.
  package func request(_ bytes: [UInt8], room: UInt32) -> ControlRequest {
    do throws(ControlStatus) { return try read(bytes, room: room) } catch {
      return .answer(ControlAnswer(error))
    }
  }

  private func read(_ bytes: [UInt8], room: UInt32) throws(ControlStatus) -> ControlRequest {
    guard let number = bytes.field(UInt32.self, at: 0) else { throw .badMessage }
    guard let code = ControlCode(rawValue: number) else { throw .notSupported }
    switch code {
    case .jackInfo: return .answer(try info([], bytes, room))
    case .jackRemap:
      guard bytes.count >= LayoutSize.jackRemap else { throw .badMessage }
      // There are no jacks, so every id is out of range (VS-054).
      throw .badMessage
    case .pcmInfo: return .answer(try info(offers.map(\.item), bytes, room))
    case .chmapInfo: return .answer(try info(maps.map(\.item), bytes, room))
    case .pcmSetParams:
      guard bytes.count >= LayoutSize.setParams else { throw .badMessage }
      let stream = try stream(bytes)
      return .setParameters(try PCMParameters(bytes, offer: offers[stream]), stream: stream)
    case .pcmPrepare: return .command(.prepare, stream: try stream(bytes))
    case .pcmRelease: return .command(.release, stream: try stream(bytes))
    case .pcmStart: return .command(.start, stream: try stream(bytes))
    case .pcmStop: return .command(.stop, stream: try stream(bytes))
    }
  }

  /// The stream of a PCM request (VS-071).
  private func stream(_ bytes: [UInt8]) throws(ControlStatus) -> Int {
    guard bytes.count >= LayoutSize.pcmHeader, let id = bytes.field(UInt32.self, at: 4),
      UInt64(id) < UInt64(offers.count)
    else { throw .badMessage }
    return Int(id)
  }

  /// Answers a query of items (VS-040…043).
  private func info(_ items: [[UInt8]], _ bytes: [UInt8], _ room: UInt32) throws(ControlStatus)
    -> ControlAnswer
  {
    guard bytes.count >= LayoutSize.queryInfo, let first = bytes.field(UInt32.self, at: 4),
      let count = bytes.field(UInt32.self, at: 8), let stride = bytes.field(UInt32.self, at: 12)
    else { throw .badMessage }
    let end = UInt64(first) + UInt64(count)
    guard end <= UInt64(items.count), count == 0 || stride > 0 else { throw .badMessage }
    let answer = ControlAnswer(items: Array(items[Int(first)..<Int(end)]), stride: stride)
    // Both are 32-bit numbers: their product cannot wrap 64 bits (VS-032).
    guard answer.length <= min(UInt64(room), UInt64(AnswerLimit.bytes)) else { throw .badMessage }
    return answer
  }
}
