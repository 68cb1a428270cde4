// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import VhostUser

/// One front-end's connection: reads messages, lets a session serve them, writes replies; never waits.
final class Connection {
  /// Why it ended.
  enum End: Equatable {
    case closedByPeer
    case failed(String)
  }

  /// Messages served before other descriptors have their turn.
  private static let turn = 32
  /// Bytes of replies that a front-end may leave unread (VU-008, hostile 9).
  private static let unreadLimit = 1 << 16

  private let socket: Descriptor
  private let session: Session
  private let onEnd: (End) -> Void
  private var reader = MessageReader()
  private var outgoing: [UInt8] = []
  private var watch: EventLoop.Watch?

  /// - Parameter onEnd: called once, from the loop; the connection does nothing any more by then.
  init(
    _ socket: Descriptor, _ session: Session, on loop: EventLoop, onEnd: @escaping (End) -> Void
  ) throws(SystemCallError) {
    self.socket = socket
    self.session = session
    self.onEnd = onEnd
    watch = try loop.watch(socket) { [weak self] in self?.serve($0) }
  }

  /// Ends the connection, without a call of `onEnd`.
  func close() {
    watch?.cancel()
    watch = nil
    UnixSocket.disconnect(socket)
  }

  private func serve(_ readiness: Readiness) {
    do {
      if readiness.contains(.writable) { try flush() }
      for _ in 0..<Self.turn where watch != nil {
        guard let read = try socket.receive(reader.wanted) else { break }
        if read.truncated { throw FramingError.descriptorsLost }
        if read.bytes.isEmpty {
          try reader.finish()
          return end(.closedByPeer)
        }
        var bytes = read.bytes[...]
        if let message = try reader.read(&bytes, read.descriptors), let reply = session.handle(message) {
          outgoing += reply.encoded
          try flush()
        }
      }
    } catch let error as SystemCallError {
      // A front-end that dies with a reply unread is simply gone.
      end(error.isDisconnection ? .closedByPeer : .failed(error.description))
    } catch {
      end(.failed("\(error)"))
    }
  }

  private func flush() throws {
    let sent = try outgoing.isEmpty ? 0 : socket.send(outgoing[...])
    outgoing.removeFirst(sent)
    guard outgoing.count <= Self.unreadLimit else {
      throw ServerError("the front-end leaves \(outgoing.count) bytes of replies unread")
    }
    try watch?.change(to: outgoing.isEmpty ? .readable : [.readable, .writable])
  }

  private func end(_ reason: End) {
    close()
    onEnd(reason)
  }
}
