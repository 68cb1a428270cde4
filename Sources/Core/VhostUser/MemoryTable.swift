// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
package import Virtqueue

/// Why a change of the guest's memory is refused; the table stays as it was (VU-052).
package enum MemoryError: Error, Equatable, CustomStringConvertible {
  case count(Int)
  case descriptors(expected: Int, got: Int)
  case empty
  case wraps
  case overlap
  case full
  case unknown
  case mapping(MappingError)

  package var description: String {
    switch self {
    case .count(let count): "a table of \(count) regions is not possible"
    case .descriptors(let expected, let got): "\(got) descriptors came for \(expected) regions"
    case .empty: "a region has no bytes"
    case .wraps: "a region goes beyond the end of the address space"
    case .overlap: "two regions overlap"
    case .full: "all \(Limit.memorySlots) slots are taken"
    case .unknown: "there is no such region"
    case .mapping(let error): "a region cannot be mapped: \(error)"
    }
  }
}

/// The memory that a front-end shares: checks each change and maps what it brings.
package struct MemoryTable {
  package private(set) var memory = GuestMemory.empty

  package init() {}

  /// Takes a whole new table, or nothing (VU-050).
  package mutating func replace(_ ranges: [MemoryRange], _ files: [Descriptor]) throws(MemoryError) {
    guard (1...Limit.tableRegions).contains(ranges.count) else { throw .count(ranges.count) }
    guard files.count == ranges.count else {
      throw .descriptors(expected: ranges.count, got: files.count)
    }
    for (index, range) in ranges.enumerated() {
      try range.check()
      if ranges[..<index].contains(where: range.overlaps) { throw .overlap }
    }
    var regions: [GuestMemory.Region] = []
    for (range, file) in zip(ranges, files) { regions.append(try range.map(file)) }
    memory = GuestMemory(regions: regions)
  }

  /// Adds one region (VU-056).
  package mutating func add(_ range: MemoryRange, _ file: Descriptor) throws(MemoryError) {
    guard memory.regions.count < Limit.memorySlots else { throw .full }
    try range.check()
    if memory.regions.contains(where: { range.overlaps($0.range) }) { throw .overlap }
    memory = GuestMemory(regions: memory.regions + [try range.map(file)])
  }

  /// Removes the region with the same addresses and size (VU-056).
  package mutating func remove(_ range: MemoryRange) throws(MemoryError) {
    var regions = memory.regions
    guard let index = regions.firstIndex(where: { $0.range.hasSamePlace(as: range) }) else {
      throw .unknown
    }
    regions.remove(at: index)
    memory = GuestMemory(regions: regions)
  }

  /// Tells whether `count` bytes at the front-end's `address` lie in one region (VU-055).
  package func holds(_ address: UInt64, _ count: UInt64) -> Bool {
    memory.regions.contains { region in
      // Regions do not wrap, so neither does this sum once the first comparison holds.
      address >= region.userAddress && address - region.userAddress <= region.size
        && count <= region.size - (address - region.userAddress)
    }
  }
}

extension MemoryRange {
  /// What must be true of the numbers alone (VU-052).
  fileprivate func check() throws(MemoryError) {
    if size == 0 { throw .empty }
    for first in [guestAddress, userAddress, fileOffset] where first.addingReportingOverflow(size).overflow {
      throw .wraps
    }
  }

  /// Both have passed ``check()``.
  fileprivate func overlaps(_ other: MemoryRange) -> Bool {
    (guestAddress < other.guestAddress + other.size && other.guestAddress < guestAddress + size)
      || (userAddress < other.userAddress + other.size && other.userAddress < userAddress + size)
  }

  fileprivate func hasSamePlace(as other: MemoryRange) -> Bool {
    guestAddress == other.guestAddress && userAddress == other.userAddress && size == other.size
  }

  fileprivate func map(_ file: Descriptor) throws(MemoryError) -> GuestMemory.Region {
    do {
      let mapping = try Mapping.shared(file, offset: fileOffset, count: size)
      return GuestMemory.Region(guestAddress: guestAddress, userAddress: userAddress, mapping: mapping)
    } catch {
      throw .mapping(error)
    }
  }
}

extension GuestMemory.Region {
  fileprivate var range: MemoryRange {
    MemoryRange(guestAddress: guestAddress, size: size, userAddress: userAddress, fileOffset: 0)
  }
}
