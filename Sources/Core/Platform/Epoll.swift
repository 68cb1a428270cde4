// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// What to watch a descriptor for, or what was seen.
package struct Readiness: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
  package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
  /// The peer is gone, or the descriptor has an error; always watched for.
  package static let hangup = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
}

/// Waits for many descriptors at once (epoll), level-triggered.
package final class Epoll {
  /// Which descriptor is ready, by the token it was added with.
  package struct Event {
    package let token: UInt64
    package let readiness: Readiness
  }

  private let descriptor: Descriptor
  private var tokens = [UInt64](repeating: 0, count: 64)
  private var readiness = [UInt32](repeating: 0, count: 64)

  package init() throws(SystemCallError) {
    descriptor = Descriptor(
      owning: try SystemCall.run("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
  }

  /// - Throws: EPERM for descriptors that cannot be waited for, such as regular files.
  package func add(_ watched: Descriptor, for interest: Readiness, token: UInt64) throws(SystemCallError) {
    try control(EPOLL_CTL_ADD, watched, interest, token)
  }

  package func modify(_ watched: Descriptor, for interest: Readiness, token: UInt64) throws(SystemCallError) {
    try control(EPOLL_CTL_MOD, watched, interest, token)
  }

  /// Must be called before the descriptor is closed: what shares its open file would keep it watched.
  package func remove(_ watched: Descriptor) throws(SystemCallError) {
    try control(EPOLL_CTL_DEL, watched, [], 0)
  }

  /// Waits until something is ready: at most 64 at a time, the others come with the next call.
  ///
  /// - Parameter milliseconds: how long, -1 for ever.
  package func wait(milliseconds: Int32 = -1) throws(SystemCallError) -> [Event] {
    // SAFETY: C fills at most 64 elements of each.
    let count = try SystemCall.run("epoll_wait") {
      unsafe vsnd_epoll_wait(descriptor.raw, &tokens, &readiness, 64, milliseconds)
    }
    return (0..<Int(count)).map { Event(token: tokens[$0], readiness: Readiness(rawValue: readiness[$0])) }
  }

  private func control(
    _ operation: Int32, _ watched: Descriptor, _ interest: Readiness, _ token: UInt64
  ) throws(SystemCallError) {
    try SystemCall.run("epoll_ctl") {
      vsnd_epoll_control(descriptor.raw, operation, watched.raw, interest.rawValue, token)
    }
  }
}
