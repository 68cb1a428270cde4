// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// One whole message of a front-end; its descriptors are closed with it unless something adopts them (VU-006).
package struct Message: Sendable {
  /// May be none of ``Request``.
  package var request: UInt32
  package var flags: UInt32
  package var payload: [UInt8]
  package var descriptors: [Descriptor]

  package init(request: UInt32, flags: UInt32, payload: [UInt8], descriptors: [Descriptor] = []) {
    self.request = request
    self.flags = flags
    self.payload = payload
    self.descriptors = descriptors
  }

  /// Whether an acknowledgement is wanted (VU-021).
  var needsReply: Bool { flags & Header.needsReply != 0 }

  /// Bits that mean nothing in version 1 of the protocol.
  var unknownFlags: UInt32 { flags & ~Header.known }

  /// The message as a front-end sends it, without its descriptors.
  package var encoded: [UInt8] { Header.encode(request, flags, payload) }
}

/// The answer to a message.
package struct Reply: Equatable, Sendable {
  package let request: UInt32
  package let payload: [UInt8]

  package init(request: UInt32, payload: [UInt8]) {
    self.request = request
    self.payload = payload
  }

  /// Header and payload; the flags are exactly 0x5, which front-ends compare with (VU-003).
  package var encoded: [UInt8] { Header.encode(request, Header.version | Header.reply, payload) }
}

extension Header {
  static func encode(_ request: UInt32, _ flags: UInt32, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + payload.count)
    bytes.append(number: request)
    bytes.append(number: flags)
    bytes.append(number: UInt32(payload.count))
    return bytes + payload
  }
}
