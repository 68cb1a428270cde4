// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

@testable import Platform

@Suite("Unix sockets")
struct SocketTests {
  @Test("bytes arrive with their descriptors, and those are closed on exec (VU-005)")
  func descriptorsArrive() throws {
    let (near, far) = try UnixSocket.pair()
    let event = try Descriptor.event()

    #expect(try near.send([1, 2, 3], [event, event]) == 3)
    let read = try #require(try far.receive(10))

    #expect(read.bytes == [1, 2, 3])
    #expect(read.descriptors.count == 2)
    #expect(read.descriptors.allSatisfy { fcntl($0.raw, F_GETFD) & FD_CLOEXEC != 0 })
    #expect(!read.truncated)
    event.signal()
    #expect(read.descriptors[0].readEvent() == .signalled)
  }

  @Test("64 descriptors fit (VU-005)")
  func manyDescriptors() throws {
    let (near, far) = try UnixSocket.pair()
    let event = try Descriptor.event()

    _ = try near.send([1], Array(repeating: event, count: 64))
    let read = try #require(try far.receive(1))

    #expect(read.descriptors.count == 64)
    #expect(!read.truncated)
  }

  @Test("more descriptors than fit are reported as lost (VU-005)", arguments: [65, 253])
  func tooManyDescriptors(count: Int) throws {
    let (near, far) = try UnixSocket.pair()
    let event = try Descriptor.event()

    _ = try near.send([1], Array(repeating: event, count: count))
    let read = try #require(try far.receive(1))

    #expect(read.truncated)
    #expect(read.descriptors.count == 64)
  }

  @Test("an empty socket gives nothing, a closed one its end")
  func emptyAndClosed() throws {
    let (near, far) = try UnixSocket.pair()
    #expect(try near.receive(1) == nil)

    #expect(shutdown(far.raw, Int32(SHUT_WR)) == 0)

    #expect(try near.receive(1)?.bytes == [])
  }

  @Test("sending to a peer that is gone is an error and no signal (VU-008)")
  func peerGone() throws {
    var ends: (Descriptor, Descriptor)? = try UnixSocket.pair()
    let near = try #require(ends?.0)
    ends = nil

    #expect(throws: SystemCallError(call: "sendmsg", code: EPIPE)) { try near.send([1]) }
  }

  @Test("a full socket takes nothing, without a wait (VU-008)")
  func full() throws {
    let (near, far) = try UnixSocket.pair()
    let chunk = [UInt8](repeating: 0, count: 65536)

    while try near.send(chunk[...]) > 0 {}

    #expect(try near.send([1]) == 0)
    _ = far
  }

  @Test("a listening socket file has the mode asked for, from the first moment (VU-206)")
  func mode() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let listener = try UnixSocket.listen(at: "\(folder)/s", mode: 0o600)

    var status = stat()
    #expect(lstat("\(folder)/s", &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(try UnixSocket.kind(of: listener.raw) == .listening)
  }

  @Test("a client is accepted once it has connected")
  func accepted() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let listener = try UnixSocket.listen(at: "\(folder)/s", mode: 0o600)
    #expect(try UnixSocket.accept(from: listener) == nil)

    let client = try UnixSocket.connect(to: "\(folder)/s")
    let server = try #require(try UnixSocket.accept(from: listener))

    _ = try client.send([7])
    #expect(try server.receive(5)?.bytes == [7])
    #expect(try UnixSocket.kind(of: server.raw) == .connected)
  }

  @Test("a path that is too long is refused (VU-206)")
  func pathTooLong() {
    let path = "/tmp/" + String(repeating: "x", count: UnixSocket.longestPath - 4)

    #expect(throws: SystemCallError(call: "bind", code: ENAMETOOLONG)) {
      try UnixSocket.listen(at: path, mode: 0o600)
    }
  }

  @Test("what is no unix stream socket is told apart (VU-201)")
  func kinds() throws {
    let event = try Descriptor.event()
    #expect(throws: SystemCallError(call: "getsockopt", code: ENOTSOCK)) {
      try UnixSocket.kind(of: event.raw)
    }
    #expect(throws: SystemCallError(call: "getsockopt", code: EBADF)) { try UnixSocket.kind(of: 1_000_000) }

    let datagram = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
    #expect(try UnixSocket.kind(of: datagram.raw) == .other)
  }
}

func temporaryFolder() throws -> String {
  let path = NSTemporaryDirectory() + "vsnd-" + UUID().uuidString.prefix(8)
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  return path
}
