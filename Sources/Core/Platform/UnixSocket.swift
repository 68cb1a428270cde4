// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// Stream sockets of the unix family; all are non-blocking and closed on exec.
package enum UnixSocket {
  /// The longest path, in bytes, that a socket address holds (VU-206).
  package static let longestPath = 107

  /// Two sockets that are connected to each other.
  package static func pair() throws(SystemCallError) -> (Descriptor, Descriptor) {
    var raw: [Int32] = [-1, -1]
    // SAFETY: the kernel writes the two elements.
    try SystemCall.run("socketpair") { unsafe socketpair(AF_UNIX, type, 0, &raw) }
    return (Descriptor(owning: raw[0]), Descriptor(owning: raw[1]))
  }

  /// Listens at `path`, which must not exist, with a socket file of mode `mode`.
  ///
  /// Who sees the file can connect: it listens under another name, `path~PID`, before it gets its own. Only a path
  /// that is too long for that is there a moment earlier.
  package static func listen(at path: String, mode: UInt32) throws(SystemCallError) -> Descriptor {
    let descriptor = try make()
    // Before bind, so that there is no moment in which more users may connect (Linux: the file takes the
    // socket's own mode, less the umask).
    try SystemCall.run("fchmod") { fchmod(descriptor.raw, mode) }
    let draft = "\(path)~\(getpid())"
    let name = draft.utf8.count <= longestPath ? draft : path
    try SystemCall.run("bind") { unsafe vsnd_bind_unix(descriptor.raw, name) }
    do throws(SystemCallError) {
      // What the umask took away, the caller has asked for.
      try SystemCall.run("chmod") { unsafe chmod(name, mode) }
      try SystemCall.run("listen") { Glibc.listen(descriptor.raw, 16) }
      if name != path { try SystemCall.run("rename") { unsafe vsnd_rename_new(name, path) } }
    } catch {
      _ = unsafe unlink(name)
      throw error
    }
    return descriptor
  }

  package static func connect(to path: String) throws(SystemCallError) -> Descriptor {
    let descriptor = try make()
    try SystemCall.run("connect") { unsafe vsnd_connect_unix(descriptor.raw, path) }
    return descriptor
  }

  /// Ends a connection for its peer at once, whoever else still holds the descriptor.
  package static func disconnect(_ descriptor: Descriptor) { _ = shutdown(descriptor.raw, Int32(SHUT_RDWR)) }

  /// The next connection that waits, nil for none.
  package static func accept(from listener: Descriptor) throws(SystemCallError) -> Descriptor? {
    try SystemCall.attempt("accept") { vsnd_accept(listener.raw) }.map { Descriptor(owning: $0) }
  }

  /// What an inherited descriptor is.
  package enum Kind: Sendable { case listening, connected, other }

  /// Tells whether `raw` is a stream socket of the unix family, and which (VU-201); takes nothing over.
  ///
  /// - Throws: EBADF when it is not open, ENOTSOCK when it is no socket.
  package static func kind(of raw: Int32) throws(SystemCallError) -> Kind {
    guard try option(SO_DOMAIN, of: raw) == AF_UNIX,
      try option(SO_TYPE, of: raw) == Int32(SOCK_STREAM.rawValue)
    else { return .other }
    return try option(SO_ACCEPTCONN, of: raw) != 0 ? .listening : .connected
  }

  private static let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  private static func make() throws(SystemCallError) -> Descriptor {
    Descriptor(owning: try SystemCall.run("socket") { socket(AF_UNIX, type, 0) })
  }

  private static func option(_ name: Int32, of raw: Int32) throws(SystemCallError) -> Int32 {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes at most `size` bytes.
    try SystemCall.run("getsockopt") { unsafe getsockopt(raw, SOL_SOCKET, name, &value, &size) }
    return value
  }
}

extension SystemCallError {
  /// The peer of a socket is gone.
  package var isDisconnection: Bool { code == EPIPE || code == ECONNRESET }

  /// An accept failed for a reason that lies in that connection alone.
  package var isPeersFault: Bool { code == ECONNABORTED || code == EPROTO }
}
