// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import TestSupport
import Testing
import Virtqueue

@testable import VhostUser

private let size: UInt64 = 0x10000

private func range(_ guest: UInt64, _ user: UInt64? = nil, size: UInt64 = size, at offset: UInt64 = 0)
  -> MemoryRange
{
  MemoryRange(guestAddress: guest, size: size, userAddress: user ?? guest + 0x7000_0000, fileOffset: offset)
}

@Suite("MemoryTable")
struct MemoryTableTests {
  let file: Descriptor
  init() throws { file = try .memory(named: "table", size: Int(2 * size)) }

  @Test("a table is taken whole: each region with its own file and offset (VU-050)")
  func replaces() throws {
    var table = MemoryTable()
    let other = try Descriptor.memory(named: "other", size: Int(size))
    let view = try Mapping.shared(file, offset: 0, count: 2 * size)
    view.base.storeBytes(of: 0x55, toByteOffset: Int(size), as: UInt8.self)

    try table.replace([range(0x20000, at: size), range(0)], [file, other])

    #expect(table.memory.regions.map(\.guestAddress) == [0, 0x20000])
    #expect(table.memory.regions[1].mapping.base.load(as: UInt8.self) == 0x55)
    #expect(table.memory.regions[0].mapping.base.load(as: UInt8.self) == 0)
  }

  @Test("a new table takes the place of the old one, not a place beside it (VU-050)")
  func replacesAll() throws {
    var table = MemoryTable()
    try table.replace([range(0), range(0x10000)], [file, file])
    try table.replace([range(0x8000)], [file])

    #expect(table.memory.regions.map(\.guestAddress) == [0x8000])
  }

  @Test("a table of 32 regions is taken, of none or 33 refused (VU-050, hostile 16)")
  func counts() throws {
    func regions(_ count: Int) -> [MemoryRange] { (0..<UInt64(count)).map { range($0 * size) } }
    var table = MemoryTable()
    try table.replace(regions(32), Array(repeating: file, count: 32))
    #expect(table.memory.regions.count == 32)

    #expect(throws: MemoryError.count(33)) {
      try table.replace(regions(33), Array(repeating: file, count: 33))
    }
    #expect(throws: MemoryError.count(0)) { try table.replace([], []) }
    #expect(table.memory.regions.count == 32)
  }

  @Test(
    "files that do not match the regions one to one are refused (VU-050, hostile 16)",
    arguments: [0, 1, 3])
  func fileCounts(count: Int) throws {
    var table = MemoryTable()

    #expect(throws: MemoryError.descriptors(expected: 2, got: count)) {
      try table.replace([range(0), range(size)], Array(repeating: file, count: count))
    }
  }

  static let impossible: [(MemoryRange, MemoryError)] = [
    (range(0x100000, size: 0), .empty),
    (range(.max - 1, 0), .wraps),
    (range(0x100000, .max - 1), .wraps),
    (range(0x100000, at: .max - 1), .wraps),
    (range(1 << 63, 0, size: 1 << 63), .wraps),
    (range(0x100000, size: 1 << 63), .mapping(.outOfRange)),
    (range(0x100000, size: 2 * size + 1), .mapping(.tooShort(size: 2 * size))),
    (range(0x100000, at: size + 1), .mapping(.tooShort(size: 2 * size))),
    (range(0, 0x9000_0000), .overlap),
    (range(size - 1, 0x9000_0000), .overlap),
    (range(0x100000, 0x7000_0000 + size - 1), .overlap),
  ]

  @Test(
    "one bad region among good ones: nothing is taken, by neither way (VU-052, hostile 16)",
    arguments: impossible)
  func allOrNothing(bad: MemoryRange, error: MemoryError) throws {
    var table = MemoryTable()
    try table.replace([range(0)], [file])

    #expect(throws: error) {
      try table.replace(
        [range(0), bad, range(0xf000_0000_0000_0000, 0xf000_0000_0000_0000)], [file, file, file])
    }
    #expect(table.memory.regions.count == 1)
    #expect(throws: error) { try table.add(bad, file) }
    #expect(table.memory.regions.count == 1)
  }

  @Test(
    "what is no file, or not writable, is refused (VU-052, hostile 17)",
    arguments: ["/dev/null", "/", "/proc/self/exe"])
  func badFiles(path: String) throws {
    var table = MemoryTable()
    let bad = Descriptor(owning: open(path, O_RDONLY))

    #expect(throws: MemoryError.self) { try table.replace([range(0)], [bad]) }
    #expect(table.memory.regions.isEmpty)
  }

  @Test("a pipe is refused (VU-052, hostile 17)")
  func pipe() throws {
    var table = MemoryTable()
    var ends: [Int32] = [-1, -1]
    #expect(Glibc.pipe(&ends) == 0)
    let (reader, writer) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))

    #expect(throws: MemoryError.mapping(.notAFile)) { try table.add(range(0), reader) }
    _ = writer
  }

  @Test("regions are added and removed one by one; the offset does not matter for removal (VU-056)")
  func addAndRemove() throws {
    var table = MemoryTable()
    try table.add(range(0), file)
    try table.add(range(size), file)

    try table.remove(range(0, at: 77))

    #expect(table.memory.regions.map(\.guestAddress) == [size])
  }

  static let others = [range(0x1000), range(0, 0x1234_0000), range(0, size: 0x1000)]

  @Test("a region that is not there cannot be removed (VU-058, hostile 18)", arguments: others)
  func unknown(other: MemoryRange) throws {
    var table = MemoryTable()
    try table.add(range(0), file)

    #expect(throws: MemoryError.unknown) { try table.remove(other) }
    #expect(table.memory.regions.count == 1)
  }

  @Test("509 slots are there, a 510th is refused, a duplicate is refused (VU-056, hostile 18)")
  func slots() throws {
    var table = MemoryTable()
    for index in 0..<UInt64(509) { try table.add(range(index * size), file) }

    #expect(throws: MemoryError.full) { try table.add(range(509 * size), file) }
    try table.remove(range(0))
    #expect(throws: MemoryError.overlap) { try table.add(range(size), file) }
    try table.add(range(509 * size), file)
  }

  @Test("a snapshot that somebody holds outlives a change (VU-054)")
  func snapshots() throws {
    var table = MemoryTable()
    try table.add(range(0), file)
    let held = table.memory
    try table.remove(range(0))

    held.regions[0].mapping.base.storeBytes(of: 3, as: UInt8.self)

    #expect(held.regions[0].mapping.base.load(as: UInt8.self) == 3)
    #expect(table.memory.regions.isEmpty)
  }

  static let pieces: [(address: UInt64, count: UInt64, holds: Bool)] = [
    (0x7000_0000, size, true), (0x7000_0000, size + 1, false), (0x7000_0000 + size - 1, 1, true),
    (0x7000_0000 + size - 1, 2, false), (0x6fff_ffff, 2, false), (0, 1, false), (.max, 1, false),
    (0x7000_0000, .max, false),
  ]

  @Test("a piece is held only when it lies in one region (VU-055)", arguments: pieces)
  func holds(address: UInt64, count: UInt64, expected: Bool) throws {
    var table = MemoryTable()
    try table.replace([range(0), range(size)], [file, file])
    try table.remove(range(size))
    #expect(table.holds(address, count) == expected)

    // The neighbour does not make a piece that straddles both contiguous.
    try table.add(range(size), file)
    #expect(table.holds(0x7000_0000 + size - 1, 2) == false)
  }
}
