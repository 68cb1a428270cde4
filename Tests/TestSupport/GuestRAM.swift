// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
package import VhostUser

/// Memory of a guest, as a VMM makes it: a memfd that both sides map.
///
/// It is laid out for rings in its first part: see ``ring(_:size:)``.
package final class GuestRAM {
  package let file: Descriptor
  /// The test's own view.
  package let mapping: Mapping
  /// What the front-end says about it.
  package let range: MemoryRange

  /// - Parameters:
  ///   - guestAddress: guest-physical, where descriptors of chains point.
  ///   - userAddress: in the front-end's address space, where ring addresses point; made different from
  ///     the guest's, so that a mix-up shows (VU-051).
  package init(
    size: Int = 1 << 20, guestAddress: UInt64 = 0x4000_0000, userAddress: UInt64 = 0x7f00_0000_0000
  ) throws {
    file = try .memory(named: "guest", size: size)
    mapping = try .shared(file, offset: 0, count: UInt64(size))
    range = MemoryRange(
      guestAddress: guestAddress, size: UInt64(size), userAddress: userAddress, fileOffset: 0)
  }

  /// Where ring `index` of `size` entries (256 at most) lies: 16 KiB for each, from the start on.
  package func ring(_ index: Int, size: UInt32 = 64) -> RingAddresses {
    let start = range.userAddress + UInt64(index) * 0x4000
    return RingAddresses(
      index: UInt32(index), descriptorTable: start, usedRing: start + 0x2000, availRing: start + 0x1000)
  }
}
