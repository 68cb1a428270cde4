// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform

/// Where front-ends come from.
package struct FrontEndSource {
  enum Kind {
    case listening(Descriptor, SocketFile?)
    case connected(Descriptor)
  }

  let kind: Kind
  /// How the log calls it.
  package let name: String

  /// Listens at a path (VU-206).
  ///
  /// - Parameter mode: permissions of the socket file; the owner's only unless a group is to connect too.
  package static func path(_ path: String, mode: UInt32 = 0o600) throws(ServerError) -> FrontEndSource {
    let (file, listener) = try SocketFile.listen(at: path, mode: mode)
    return FrontEndSource(kind: .listening(listener, file), name: path)
  }

  /// Takes over an inherited descriptor: a listening socket or a connected one (VU-201).
  package static func inherited(_ raw: Int32) throws(ServerError) -> FrontEndSource {
    let doing = "cannot use descriptor \(raw)"
    do {
      let kind = try UnixSocket.kind(of: raw)
      guard kind != .other else { throw ServerError("\(doing): it is no unix stream socket") }
      let descriptor = Descriptor(owning: raw)
      // Nobody inherits it from us, and nobody waits in it.
      try SystemCall.run("fcntl") { fcntl(raw, F_SETFD, FD_CLOEXEC) }
      try descriptor.setNonBlocking()
      return FrontEndSource(
        kind: kind == .listening ? .listening(descriptor, nil) : .connected(descriptor),
        name: "descriptor \(raw)")
    } catch let error as SystemCallError {
      throw ServerError(doing, error, advice: error.code == EBADF ? "pass an open socket" : nil)
    } catch {
      throw error as? ServerError ?? ServerError(doing)
    }
  }

  /// The socket of a service manager, nil when there is none for this process (VU-207).
  ///
  /// Removes the variables that announce it, so that no child takes them for its own. Call before any
  /// thread is started.
  ///
  /// - Parameter first: the descriptor that service managers begin with; something else in tests.
  package static func activated(first: Int32 = 3) throws(ServerError) -> FrontEndSource? {
    defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) } }
    guard variable("LISTEN_PID") == String(getpid()), let count = variable("LISTEN_FDS") else { return nil }
    guard count == "1" else {
      throw ServerError("the service manager passed \(count) sockets; exactly one can be served")
    }
    let source = try inherited(first)
    guard case .listening = source.kind else {
      throw ServerError("the service manager passed a socket that does not listen")
    }
    return FrontEndSource(kind: source.kind, name: "the service manager's socket")
  }

  /// Removes the socket file, if there is one that was made here.
  func removeFile() {
    if case .listening(_, let file) = kind { file?.remove() }
  }

  private static func variable(_ name: String) -> String? {
    // SAFETY: copied before anything can change the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
