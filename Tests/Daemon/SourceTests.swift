// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Platform
import Testing

@testable import Daemon

@Suite("Sources of front-ends")
struct SourceTests {
  @Test(
    "a socket file is the owner's alone, unless asked otherwise, and goes with its server (VU-206)",
    arguments: [nil, 0o660] as [UInt32?])
  func mode(asked: UInt32?) throws {
    let folder = try Folder()
    let path = folder.path("s")
    var source: FrontEndSource? = try asked.map { try .path(path, mode: $0) } ?? .path(path)

    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == asked ?? 0o600)

    #expect(source?.name == path)
    source = nil
    #expect(lstat(path, &status) == -1)
  }

  @Test("a socket without a listener is replaced (VU-206)")
  func stale() throws {
    let folder = try Folder()
    var old: Descriptor? = try UnixSocket.listen(at: folder.path("s"), mode: 0o600)
    #expect(old != nil)
    old = nil

    let source = try FrontEndSource.path(folder.path("s"))

    #expect(try UnixSocket.connect(to: folder.path("s")).raw >= 0)
    _ = source
  }

  @Test("a socket with a listener is left alone (VU-206)")
  func live() throws {
    let folder = try Folder()
    let old = try UnixSocket.listen(at: folder.path("s"), mode: 0o600)

    let error = #expect(throws: ServerError.self) { try FrontEndSource.path(folder.path("s")) }

    #expect(
      error?.description
        == "cannot listen at \(folder.path("s")): another process listens there; stop it or choose another path"
    )
    #expect(try UnixSocket.connect(to: folder.path("s")).raw >= 0)
    _ = old
  }

  @Test("a file or a folder is left alone (VU-206, hostile 40)", arguments: [true, false])
  func noSocket(isFolder: Bool) throws {
    let folder = try Folder()
    let path = folder.path("s")
    if isFolder {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } else {
      #expect(FileManager.default.createFile(atPath: path, contents: Data("precious".utf8)))
    }

    let error = #expect(throws: ServerError.self) { try FrontEndSource.path(path) }

    #expect(
      error?.description
        == "cannot listen at \(path): something other than a socket is there; remove it or choose another path"
    )
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test("a path that is too long, empty, or in no folder is refused with one line (VU-206, hostile 40)")
  func badPaths() throws {
    let folder = try Folder()
    let long = folder.path(String(repeating: "x", count: 108))
    let size = long.utf8.count
    #expect(
      throws: ServerError("cannot listen at \(long): a socket's path has at most 107 bytes, this one \(size)")
    ) { try FrontEndSource.path(long) }
    #expect(throws: ServerError("the path of the socket is empty")) { try FrontEndSource.path("") }
    let missing = folder.path("none/s")
    #expect(
      throws: ServerError("cannot listen at \(missing): No such file or directory; make its folder first")
    ) { try FrontEndSource.path(missing) }
  }

  @Test("whoever sees the socket file can connect, and nothing else is left beside it (VU-206)")
  func visible() throws {
    let folder = try Folder()
    for round in 0..<200 {
      let path = folder.path("s\(round)")
      let client = try Platform.Thread(name: "client") {
        while access(path, F_OK) != 0 {}
        #expect(throws: Never.self) { try UnixSocket.connect(to: path) }
      }
      let source = try FrontEndSource.path(path)
      client.join()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("")) == ["s\(round)"])
      _ = source
    }
  }

  @Test("a path at the limit of a socket address can be listened at (VU-206)", arguments: 100...107)
  func longest(count: Int) throws {
    let folder = try Folder()
    let path = folder.path(String(repeating: "x", count: count - folder.path("").utf8.count))
    #expect(path.utf8.count == count)

    let source = try FrontEndSource.path(path)

    #expect(try UnixSocket.connect(to: path).raw >= 0)
    _ = source
  }

  @Test("a socket file that was replaced by another process stays (VU-206)")
  func replaced() throws {
    let folder = try Folder()
    let path = folder.path("s")
    var source: FrontEndSource? = try .path(path)
    #expect(source != nil)
    #expect(unlink(path) == 0)
    let other = try UnixSocket.listen(at: path, mode: 0o600)

    source = nil

    #expect(try UnixSocket.connect(to: path).raw >= 0)
    _ = other
  }

  @Test("inherited sockets are told apart: listening or connected (VU-201)")
  func inherited() throws {
    let folder = try Folder()
    let listener = try UnixSocket.listen(at: folder.path("s"), mode: 0o600)
    let (near, far) = try UnixSocket.pair()

    guard case .listening(_, nil) = try FrontEndSource.inherited(dup(listener.raw)).kind,
      case .connected = try FrontEndSource.inherited(dup(near.raw)).kind
    else {
      Issue.record("a socket was taken for something else")
      return
    }
    _ = far
  }

  @Test("what is no socket is refused with one line, and not closed (VU-201, hostile 40)")
  func notInherited() throws {
    let event = try Descriptor.event()
    #expect(
      throws: ServerError("cannot use descriptor \(event.raw): Socket operation on non-socket")
    ) { try FrontEndSource.inherited(event.raw) }
    #expect(event.signal() == nil)
    #expect(
      throws: ServerError("cannot use descriptor 999999: Bad file descriptor; pass an open socket")
    ) { try FrontEndSource.inherited(999_999) }
  }

  @Test("a service manager's socket is used when it is for this process, and announced to no child (VU-207)")
  func activated() async {
    await #expect(processExitsWith: .success) {
      let folder = try Folder()
      let listener = try UnixSocket.listen(at: folder.path("s"), mode: 0o600)
      let first = dup(listener.raw)
      setenv("LISTEN_PID", "\(getpid())", 1)
      setenv("LISTEN_FDS", "1", 1)

      let source = try FrontEndSource.activated(first: first)
      #expect(source?.name == "the service manager's socket")

      #expect(getenv("LISTEN_PID") == nil && getenv("LISTEN_FDS") == nil)
      #expect(try FrontEndSource.activated()?.name == nil)
    }
  }

  @Test("sockets for another process, several ones, or a connected one are not used (VU-207)")
  func notActivated() async {
    await #expect(processExitsWith: .success) {
      setenv("LISTEN_PID", "1", 1)
      setenv("LISTEN_FDS", "1", 1)
      #expect(try FrontEndSource.activated()?.name == nil)

      setenv("LISTEN_PID", "\(getpid())", 1)
      setenv("LISTEN_FDS", "2", 1)
      #expect(throws: ServerError("the service manager passed 2 sockets; exactly one can be served")) {
        try FrontEndSource.activated()
      }

      let (near, far) = try UnixSocket.pair()
      let first = dup(near.raw)
      setenv("LISTEN_PID", "\(getpid())", 1)
      setenv("LISTEN_FDS", "1", 1)
      #expect(throws: ServerError("the service manager passed a socket that does not listen")) {
        try FrontEndSource.activated(first: first)
      }
      _ = far
    }
  }
}

/// A folder that is removed with the object.
final class Folder: Sendable {
  let root: String

  init() throws {
    root = NSTemporaryDirectory() + "vsnd-" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { "\(root)/\(name)" }

  deinit { try? FileManager.default.removeItem(atPath: root) }
}
