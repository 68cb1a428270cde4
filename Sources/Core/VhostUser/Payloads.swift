// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The payloads of VU-041. Each reads itself from bytes, nil when they are too few, and writes itself.

/// A ring and a number about it.
package struct RingNumber: Equatable, Sendable {
  package var index: UInt32
  package var number: UInt32

  package init(index: UInt32, number: UInt32) {
    self.index = index
    self.number = number
  }

  package init?(_ payload: [UInt8]) {
    guard let index = payload.number(UInt32.self, at: 0), let number = payload.number(UInt32.self, at: 4)
    else { return nil }
    self.init(index: index, number: number)
  }

  package var encoded: [UInt8] { .of(index) + .of(number) }
}

/// Which ring a descriptor is for (VU-042).
package struct RingDescriptor: Equatable, Sendable {
  package var index: UInt32
  /// No descriptor comes with it.
  package var isWithout: Bool

  package init(index: UInt32, isWithout: Bool) {
    self.index = index
    self.isWithout = isWithout
  }

  package init?(_ payload: [UInt8]) {
    guard let value = payload.number(UInt64.self, at: 0) else { return nil }
    self.init(index: UInt32(value & 0xff), isWithout: value & 0x100 != 0)
  }

  package var encoded: [UInt8] { .of(UInt64(index) | (isWithout ? 0x100 : 0)) }
}

/// Where a ring lies, in the front-end's address space (VU-072).
package struct RingAddresses: Equatable, Sendable {
  package var index: UInt32
  package var flags: UInt32 = 0
  package var descriptorTable: UInt64
  package var usedRing: UInt64
  package var availRing: UInt64
  package var log: UInt64 = 0

  package init(index: UInt32, descriptorTable: UInt64, usedRing: UInt64, availRing: UInt64) {
    self.index = index
    self.descriptorTable = descriptorTable
    self.usedRing = usedRing
    self.availRing = availRing
  }

  package init?(_ payload: [UInt8]) {
    guard let index = payload.number(UInt32.self, at: 0), let flags = payload.number(UInt32.self, at: 4),
      let descriptorTable = payload.number(UInt64.self, at: 8),
      let usedRing = payload.number(UInt64.self, at: 16),
      let availRing = payload.number(UInt64.self, at: 24), let log = payload.number(UInt64.self, at: 32)
    else { return nil }
    self.init(index: index, descriptorTable: descriptorTable, usedRing: usedRing, availRing: availRing)
    self.flags = flags
    self.log = log
  }

  package var encoded: [UInt8] {
    .of(index) + .of(flags) + .of(descriptorTable) + .of(usedRing) + .of(availRing) + .of(log)
  }
}

/// A range of guest memory and where in a file it lies.
package struct MemoryRange: Equatable, Sendable {
  package static let size = 32

  package var guestAddress: UInt64
  package var size: UInt64
  package var userAddress: UInt64
  package var fileOffset: UInt64

  package init(guestAddress: UInt64, size: UInt64, userAddress: UInt64, fileOffset: UInt64) {
    self.guestAddress = guestAddress
    self.size = size
    self.userAddress = userAddress
    self.fileOffset = fileOffset
  }

  package init?(_ payload: [UInt8], at offset: Int) {
    guard let guestAddress = payload.number(UInt64.self, at: offset),
      let size = payload.number(UInt64.self, at: offset + 8),
      let userAddress = payload.number(UInt64.self, at: offset + 16),
      let fileOffset = payload.number(UInt64.self, at: offset + 24)
    else { return nil }
    self.init(guestAddress: guestAddress, size: size, userAddress: userAddress, fileOffset: fileOffset)
  }

  package var encoded: [UInt8] { .of(guestAddress) + .of(size) + .of(userAddress) + .of(fileOffset) }
}

/// A part of the configuration space (VU-150).
package struct ConfigurationRange: Equatable, Sendable {
  package var offset: UInt32
  package var flags: UInt32
  package var bytes: [UInt8]

  package init(offset: UInt32, flags: UInt32 = 0, bytes: [UInt8]) {
    self.offset = offset
    self.flags = flags
    self.bytes = bytes
  }

  /// Nil also when the size told is not that of the payload, or lies outside the space (VU-153).
  package init?(_ payload: [UInt8]) {
    guard let offset = payload.number(UInt32.self, at: 0), let size = payload.number(UInt32.self, at: 4),
      let flags = payload.number(UInt32.self, at: 8), payload.count - 12 == Int(size),
      size > 0, UInt64(offset) + UInt64(size) <= UInt64(Limit.configuration)
    else { return nil }
    self.init(offset: offset, flags: flags, bytes: Array(payload[12...]))
  }

  package var encoded: [UInt8] { .of(offset) + .of(UInt32(bytes.count)) + .of(flags) + bytes }
}
