// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// What reading an eventfd, or something that a front-end passes off as one, gave.
package enum EventRead: Equatable, Sendable {
  /// It was signalled.
  case signalled
  /// Nothing was there.
  case nothing
  /// It cannot be read as an eventfd: let go of it (VU-077). The text says why.
  case broken(String)
}

extension Descriptor {
  /// Makes an eventfd, non-blocking, count 0.
  package static func event() throws(SystemCallError) -> Descriptor {
    Descriptor(owning: try SystemCall.run("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
  }

  /// Signals an eventfd; never waits, provided that it is non-blocking.
  ///
  /// - Returns: why it cannot be signalled; nil also when it was signalled so often that it is full.
  @discardableResult
  package func signal() -> SystemCallError? {
    let code = vsnd_eventfd_signal(raw)
    return code == 0 ? nil : SystemCallError(call: "write", code: code)
  }

  /// Reads an eventfd once; never waits, provided that it is non-blocking.
  package func readEvent() -> EventRead {
    var count: UInt64 = 0
    do {
      // SAFETY: reads the size of `count` at most.
      let size = try SystemCall.attempt("read") { unsafe read(raw, &count, MemoryLayout<UInt64>.size) }
      guard let size else { return .nothing }
      if size == MemoryLayout<UInt64>.size { return .signalled }
      return .broken(size == 0 ? "it is at its end" : "it gave \(size) bytes instead of 8")
    } catch {
      return .broken(error.cause)
    }
  }

  /// Makes calls on the descriptor, and on all that share its open file, return instead of waiting.
  package func setNonBlocking() throws(SystemCallError) {
    let flags = try SystemCall.run("fcntl") { fcntl(raw, F_GETFL) }
    if flags & O_NONBLOCK != 0 { return }
    try SystemCall.run("fcntl") { fcntl(raw, F_SETFL, flags | O_NONBLOCK) }
  }

  /// Another descriptor of the same open file, closed on exec.
  package func duplicate() throws(SystemCallError) -> Descriptor {
    Descriptor(owning: try SystemCall.run("fcntl") { fcntl(raw, F_DUPFD_CLOEXEC, 0) })
  }
}
