// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
package import Platform
package import VhostUser

/// Why a front-end gave up on the daemon.
package enum FrontEndError: Error, Equatable {
  case noReply(to: String)
  case closed
  case wrongReply(to: String, flags: UInt32)
  case refused(String)
}

/// A front-end for tests: what a VMM does, over a real socket or straight into a session.
///
/// ```
/// let frontEnd = try FrontEnd(path: "/tmp/snd.sock")   // or connectedTo:, or driving:
/// try frontEnd.negotiate()                             // as QEMU 10 does when the VM is created
/// try frontEnd.start()                                 // …and when the guest's driver is ready
/// frontEnd.rings[1].kick.signal()
/// frontEnd.waitForCall(1)
/// try frontEnd.stop()                                  // pause, or a reset of the guest
/// ```
/// The contents of ``ram`` are the test's business. Everything runs on the test's own thread; waits end
/// after ``patience``.
package final class FrontEnd {
  /// What the front-end keeps for one ring.
  package struct Ring {
    package var size: UInt32 = 64
    /// Next index of the avail ring: sent at the start, taken from the back-end at a stop.
    package var base: UInt16 = 0
    package let kick: Descriptor
    package let call: Descriptor
    package let error: Descriptor
    /// Whether the guest's driver has set it up; QEMU leaves the others out (VU-074).
    package var isConfigured = true
    /// How far from its usual place the ring is said to be.
    package var shift: UInt64 = 0
  }

  private enum Transport {
    case socket(Descriptor)
    case session(Session)
    case none
  }

  private var transport: Transport
  package let ram: GuestRAM
  package var rings: [Ring]
  /// What was negotiated: virtio features with bit 30, and the protocol's.
  package var features: UInt64 = 0
  package var protocolFeatures: ProtocolFeatures = []
  /// How long to wait for a reply or a call, in milliseconds.
  package var patience: Int32 = 10_000
  /// How many more messages are sent before the front-end gives up, for tests that break off anywhere.
  package var messagesLeft = Int.max
  /// Marks every message NEED_REPLY, as cloud-hypervisor does (VU-024).
  package var alwaysNeedsReply = false

  /// - Parameter socket: a connected stream socket.
  package convenience init(connectedTo socket: Descriptor, ram: GuestRAM? = nil) throws {
    try self.init(.socket(socket), ram)
  }

  package convenience init(path: String, ram: GuestRAM? = nil) throws {
    try self.init(.socket(try UnixSocket.connect(to: path)), ram)
  }

  /// Talks to `session` without a socket: no thread, no wait.
  package convenience init(driving session: Session, ram: GuestRAM? = nil) throws {
    try self.init(.session(session), ram)
  }

  private init(_ transport: Transport, _ ram: GuestRAM?) throws {
    self.transport = transport
    self.ram = try ram ?? GuestRAM()
    rings = try (0..<4).map { _ in Ring(kick: try .event(), call: try .event(), error: try .event()) }
  }

  /// The socket, for tests that misbehave on it.
  package var socket: Descriptor? {
    if case .socket(let socket) = transport { socket } else { nil }
  }

  /// Sends one request and waits for the reply that it must get.
  ///
  /// - Returns: nil for a request that gets none.
  @discardableResult
  package func request(
    _ request: Request, _ payload: [UInt8] = [], _ descriptors: [Descriptor] = [], needsReply: Bool = false
  ) throws -> [UInt8]? {
    let needsReply = needsReply || alwaysNeedsReply
    let message = Message(
      request: request.rawValue, flags: needsReply ? 0x9 : 0x1, payload: payload, descriptors: descriptors)
    return try exchange(message, expectsReply: needsReply || request.isAlwaysReplied)
  }

  /// Sends one request that has to be acknowledged with success.
  package func demand(_ request: Request, _ payload: [UInt8] = [], _ descriptors: [Descriptor] = []) throws {
    let reply = try self.request(request, payload, descriptors, needsReply: true)
    guard reply?.number(UInt64.self, at: 0) == 0 else { throw FrontEndError.refused(request.name) }
  }

  /// Sends one request and reads a number.
  package func number(_ request: Request) throws -> UInt64 {
    guard let number = try self.request(request)?.number(UInt64.self, at: 0) else {
      throw FrontEndError.refused(request.name)
    }
    return number
  }

  /// Sends any message, also a wrong one.
  package func exchange(_ message: Message, expectsReply: Bool) throws -> [UInt8]? {
    guard messagesLeft > 0 else { throw FrontEndError.closed }
    messagesLeft -= 1
    switch transport {
    case .session(let session):
      let reply = session.handle(message)
      guard expectsReply == (reply != nil) else { throw FrontEndError.noReply(to: "\(message.request)") }
      return reply?.payload
    case .socket(let socket):
      try send(message.encoded, message.descriptors, on: socket)
      return expectsReply ? try readReply(to: message.request) : nil
    case .none: throw FrontEndError.closed
    }
  }

  /// Closes the connection.
  package func disconnect() {
    if case .socket(let socket) = transport { shutdown(socket.raw, Int32(SHUT_RDWR)) }
  }

  /// Gives the connection away: nothing can be said over it any more.
  package func takeSocket() -> Descriptor? {
    defer { transport = .none }
    return socket
  }

  /// Sends bytes as they are.
  package func send(_ bytes: [UInt8], _ descriptors: [Descriptor] = [], on socket: Descriptor) throws {
    var rest = bytes[...]
    var descriptors = descriptors
    while !rest.isEmpty {
      let sent = try socket.send(rest, descriptors)
      if sent == 0, !wait(for: socket, POLLOUT) { throw FrontEndError.noReply(to: "write") }
      if sent > 0 { descriptors = [] }
      rest = rest.dropFirst(sent)
    }
  }

  /// Reads one reply and checks its header (VU-003).
  package func readReply(to request: UInt32) throws -> [UInt8] {
    let name = Request(rawValue: request)?.name ?? "\(request)"
    let header = try read(12, name)
    guard header.number(UInt32.self, at: 0) == request, header.number(UInt32.self, at: 4) == 0x5 else {
      throw FrontEndError.wrongReply(to: name, flags: header.number(UInt32.self, at: 4) ?? 0)
    }
    return try read(Int(header.number(UInt32.self, at: 8) ?? 0), name)
  }

  private func read(_ count: Int, _ name: String) throws -> [UInt8] {
    guard case .socket(let socket) = transport else { throw FrontEndError.closed }
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let part = try socket.receive(count - bytes.count) else {
        guard wait(for: socket, POLLIN) else { throw FrontEndError.noReply(to: name) }
        continue
      }
      if part.bytes.isEmpty { throw FrontEndError.closed }
      bytes += part.bytes
    }
    return bytes
  }

  /// Waits until the back-end has closed the connection.
  package func waitForClose() -> Bool {
    guard case .socket(let socket) = transport else { return false }
    while wait(for: socket, POLLIN) {
      // An error is an end as well: what we sent last was thrown away unread.
      guard let part = try? socket.receive(4096) else { return true }
      if part.bytes.isEmpty { return true }
    }
    return false
  }

  /// Waits until ring `index` is called, and takes the call.
  package func waitForCall(_ index: Int) -> Bool {
    wait(for: rings[index].call, POLLIN) && rings[index].call.readEvent() == .signalled
  }

  private func wait(for descriptor: Descriptor, _ events: Int32) -> Bool {
    var entry = pollfd(fd: descriptor.raw, events: Int16(events), revents: 0)
    return poll(&entry, 1, patience) > 0
  }
}

extension Request {
  /// Gets a reply without NEED_REPLY too (VU-020).
  fileprivate var isAlwaysReplied: Bool {
    switch self {
    case .getFeatures, .getProtocolFeatures, .getQueueCount, .getRingBase, .getConfiguration,
      .getInflightDescriptor, .getMemorySlots, .getStatus, .getSharedObject, .getSharedMemoryConfiguration,
      .setDeviceStateDescriptor, .checkDeviceState, .postcopyAdvise, .postcopyEnd, .translation:
      true
    default: false
    }
  }
}
