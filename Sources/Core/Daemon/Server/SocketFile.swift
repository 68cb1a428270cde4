// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform

/// A socket file that this process made; removed with the object at the latest, unless it was replaced (VU-206).
final class SocketFile {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  private init(_ path: String, _ status: stat) {
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// Listens at `path`; replaces a socket on which nobody listens any more, and nothing else.
  ///
  /// - Parameter mode: permissions of the file.
  static func listen(at path: String, mode: UInt32) throws(ServerError) -> (SocketFile, Descriptor) {
    let doing = "cannot listen at \(path)"
    guard !path.isEmpty else { throw ServerError("the path of the socket is empty") }
    guard path.utf8.count <= UnixSocket.longestPath else {
      throw ServerError(
        "\(doing): a socket's path has at most \(UnixSocket.longestPath) bytes, this one \(path.utf8.count)")
    }
    do {
      if let status = try status(of: path) {
        try checkStale(path, status, doing)
        try SystemCall.run("unlink") { unsafe unlink(path) }
      }
      let listener = try UnixSocket.listen(at: path, mode: mode)
      guard let status = try status(of: path) else {
        throw ServerError("\(doing): the socket was removed at once")
      }
      return (SocketFile(path, status), listener)
    } catch let error as SystemCallError {
      throw ServerError(doing, error, advice: advice(for: error))
    } catch {
      throw error as? ServerError ?? ServerError(doing)
    }
  }

  deinit { remove() }

  /// Removes the file now, if it is still the one that was made.
  func remove() {
    guard let status = try? Self.status(of: path), status.st_ino == inode, status.st_dev == device else {
      return
    }
    _ = unsafe unlink(path)
  }

  /// Makes sure that what is there is a socket without a listener.
  private static func checkStale(_ path: String, _ status: stat, _ doing: String) throws {
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ServerError("\(doing): something other than a socket is there; remove it or choose another path")
    }
    guard try !hasListener(path) else {
      throw ServerError("\(doing): another process listens there; stop it or choose another path")
    }
  }

  private static func hasListener(_ path: String) throws(SystemCallError) -> Bool {
    do {
      _ = try UnixSocket.connect(to: path)
      return true
    } catch {
      if error.code == ECONNREFUSED { return false }
      // Its backlog is full.
      if error.code == EAGAIN { return true }
      throw error
    }
  }

  /// Nil when nothing is there.
  private static func status(of path: String) throws(SystemCallError) -> stat? {
    var status = stat()
    do {
      // SAFETY: the struct lives through the call.
      try SystemCall.run("lstat") { unsafe lstat(path, &status) }
      return status
    } catch  where error.code == ENOENT {
      return nil
    }
  }

  private static func advice(for error: SystemCallError) -> String? {
    switch error.code {
    case ENOENT, ENOTDIR: "make its folder first"
    case EACCES, EPERM: "choose a folder in which this user may make files"
    case EROFS: "choose a folder on a file system that is not read-only"
    default: nil
    }
  }
}
