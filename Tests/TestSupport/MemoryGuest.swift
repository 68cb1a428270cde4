// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
import VhostUser
package import Virtqueue

/// The memory of a guest that exists only in this process: memfds, mapped where a guest would see them.
///
/// Region 1 follows region 0 in the guest's addresses, but neither here nor in the front-end's; behind
/// region 1 nothing is mapped. Addresses are guest-physical unless they are called the user's.
package final class MemoryGuest: @unchecked Sendable {
  /// One range of guest addresses.
  package struct Region {
    package let guestAddress: UInt64
    package let userAddress: UInt64
    package let file: Descriptor
    package let mapping: Mapping
    package var size: Int { mapping.count }
    package var end: UInt64 { guestAddress + UInt64(size) }
  }

  package let regions: [Region]
  /// What the device is given.
  package let memory: GuestMemory
  private var allocated: [Int]
  private var spare: [Int: [UInt64]] = [:]

  package init(sizes: [Int] = [1 << 21, 1 << 21]) throws {
    var regions: [Region] = []
    for (index, size) in sizes.enumerated() {
      let file = try Descriptor.memory(named: "guest", size: size)
      regions.append(
        Region(
          guestAddress: regions.last?.end ?? 0x4000_0000, userAddress: 0x7f00_0000_0000 - UInt64(index) << 32,
          file: file, mapping: try .shared(file, offset: 0, count: UInt64(size))))
    }
    self.regions = regions
    memory = GuestMemory(regions: regions.map(Self.entry))
    allocated = regions.map { _ in 0 }
  }

  /// The memory of a front-end's guest, without what its rings take.
  package init(_ ram: GuestRAM, keeping first: Int = 0x10000) {
    regions = [
      Region(
        guestAddress: ram.range.guestAddress, userAddress: ram.range.userAddress, file: ram.file,
        mapping: ram.mapping)
    ]
    memory = GuestMemory(regions: regions.map(Self.entry))
    allocated = [first]
  }

  private static func entry(_ region: Region) -> GuestMemory.Region {
    GuestMemory.Region(
      guestAddress: region.guestAddress, userAddress: region.userAddress, mapping: region.mapping)
  }

  /// Some of the regions, mapped anew at other places: what a change of the memory table makes.
  package func remapped(_ indexes: [Int]? = nil) throws -> GuestMemory {
    GuestMemory(
      regions: try (indexes ?? Array(regions.indices)).map {
        GuestMemory.Region(
          guestAddress: regions[$0].guestAddress, userAddress: regions[$0].userAddress,
          mapping: try .shared(regions[$0].file, offset: 0, count: UInt64(regions[$0].size)))
      })
  }

  // MARK: Addresses

  /// Finds room that nobody has yet, within one region.
  package func allocate(_ count: Int, align: Int = 16) -> UInt64 {
    if align == 1, let known = spare[count]?.popLast() { return known }
    for index in regions.indices {
      let start = (allocated[index] + align - 1) / align * align
      guard start + count <= regions[index].size else { continue }
      allocated[index] = start + count
      return regions[index].guestAddress + UInt64(start)
    }
    preconditionFailure("the guest of this test has too little memory")
  }

  /// Returns what ``allocate(_:align:)`` gave for alignment 1.
  package func free(_ address: UInt64, _ count: Int) { spare[count, default: []].append(address) }

  package func userAddress(of address: UInt64) -> UInt64 {
    let region = region(of: address)
    return region.userAddress + (address - region.guestAddress)
  }

  package func guestAddress(ofUser address: UInt64) -> UInt64 {
    for region in regions
    where address >= region.userAddress && address < region.userAddress + UInt64(region.size) {
      return region.guestAddress + (address - region.userAddress)
    }
    preconditionFailure("no region has user address \(address)")
  }

  /// Where the byte at `address` is mapped here.
  package func pointer(_ address: UInt64) -> UnsafeMutableRawPointer {
    let region = region(of: address)
    return region.mapping.base + Int(address - region.guestAddress)
  }

  private func region(of address: UInt64) -> Region {
    for region in regions where address >= region.guestAddress && address < region.end { return region }
    preconditionFailure("no region has guest address \(address)")
  }

  // MARK: Contents

  package func write(_ bytes: [UInt8], at address: UInt64) {
    var done = 0
    while done < bytes.count {
      let at = address + UInt64(done)
      let count = min(bytes.count - done, Int(region(of: at).end - at))
      bytes[done..<done + count].withUnsafeBytes { source in
        if let base = source.baseAddress { pointer(at).copyMemory(from: base, byteCount: count) }
      }
      done += count
    }
  }

  package func read(_ count: Int, at address: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let at = address + UInt64(bytes.count)
      let part = min(count - bytes.count, Int(region(of: at).end - at))
      bytes += UnsafeRawBufferPointer(start: pointer(at), count: part)
    }
    return bytes
  }
}
