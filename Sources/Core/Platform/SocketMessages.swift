// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// What one read of a socket gave.
package struct SocketRead: Sendable {
  /// Empty: the peer has closed its end.
  package var bytes: [UInt8]
  package var descriptors: [Descriptor]
  /// More descriptors came than could be taken; those are lost (VU-005).
  package var truncated: Bool
}

extension Descriptor {
  /// Reads up to `count` bytes of a socket, and the descriptors that ride with them; never waits.
  ///
  /// Descriptors come with the first byte of what they were sent with, so a reader that stops at the
  /// end of each message gets them with the right one.
  ///
  /// - Returns: nil when nothing is there yet.
  package func receive(_ count: Int) throws(SystemCallError) -> SocketRead? {
    var raws = [Int32](repeating: -1, count: Int(VSND_MAX_DESCRIPTORS))
    var rawCount = 0
    var truncated: Int32 = 0
    var bytes = [UInt8](repeating: 0, count: Swift.max(count, 1))
    // SAFETY: C writes at most `bytes.count` bytes and VSND_MAX_DESCRIPTORS descriptors, all of them open
    // and nobody else's.
    let capacity = bytes.count
    let received = try SystemCall.attempt("recvmsg") {
      unsafe vsnd_receive(raw, &bytes, capacity, &raws, &rawCount, &truncated)
    }
    guard let received else { return nil }
    bytes.removeSubrange(received...)
    return SocketRead(
      bytes: bytes, descriptors: raws.prefix(rawCount).map { Descriptor(owning: $0) },
      truncated: truncated != 0)
  }

  /// Sends as much of `bytes` as the socket takes, with `descriptors` on the first byte; never waits.
  ///
  /// - Returns: how many bytes were sent, 0 when the socket is full.
  /// - Throws: EPIPE when the peer is gone.
  package func send(_ bytes: ArraySlice<UInt8>, _ descriptors: [Descriptor] = []) throws(SystemCallError)
    -> Int
  {
    let raws = descriptors.map(\.raw)
    // SAFETY: both buffers live through the call. `descriptors` keeps the numbers open.
    let sent = try SystemCall.attempt("sendmsg") {
      unsafe bytes.withUnsafeBytes { buffer in
        guard let start = buffer.baseAddress else { return 0 }
        return unsafe vsnd_send(raw, start, buffer.count, raws, raws.count)
      }
    }
    return sent ?? 0
  }
}
