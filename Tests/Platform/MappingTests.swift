// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Testing

@testable import Platform

/// Not more than one page on any machine that runs this, and a multiple of it on most.
private let page = Int(sysconf(Int32(_SC_PAGESIZE)))

@Suite("Mappings of shared memory")
struct MappingTests {
  static let impossibleRanges: [(offset: UInt64, count: UInt64)] = [
    (.max, 1), (0, .max), (1 << 62, 1), (0, 0), (1 << 63, 1 << 63),
  ]

  @Test("two mappings of a file show the same bytes (VU-050)")
  func shared() throws {
    let file = try Descriptor.memory(named: "test", size: 4 * page)
    let one = try Mapping.shared(file, offset: 0, count: UInt64(4 * page))
    let other = try Mapping.shared(file, offset: UInt64(page), count: UInt64(page))

    one.base.storeBytes(of: 0x1234, toByteOffset: page + 8, as: UInt32.self)

    #expect(other.base.load(fromByteOffset: 8, as: UInt32.self) == 0x1234)
  }

  @Test("an offset between pages is mapped from the page below (VU-053)")
  func unalignedOffset() throws {
    let file = try Descriptor.memory(named: "test", size: 4 * page)
    let whole = try Mapping.shared(file, offset: 0, count: UInt64(4 * page))

    let part = try Mapping.shared(file, offset: UInt64(page + 24), count: UInt64(page))
    whole.base.storeBytes(of: 77, toByteOffset: page + 24, as: UInt8.self)

    #expect(part.count == page)
    #expect(part.base.load(as: UInt8.self) == 77)
  }

  @Test("a file that ends before the range is refused (VU-052)")
  func tooShort() throws {
    let file = try Descriptor.memory(named: "test", size: page)

    #expect(throws: MappingError.tooShort(size: UInt64(page))) {
      try Mapping.shared(file, offset: 1, count: UInt64(page))
    }
  }

  @Test("a range that wraps or is empty is refused (VU-052)", arguments: Self.impossibleRanges)
  func wraps(offset: UInt64, count: UInt64) throws {
    let file = try Descriptor.memory(named: "test", size: page)

    #expect(throws: MappingError.outOfRange) { try Mapping.shared(file, offset: offset, count: count) }
  }

  @Test("what is no regular file is refused (VU-052)", arguments: ["/dev/null", "/dev/zero", "/"])
  func noFile(path: String) throws {
    let descriptor = Descriptor(owning: open(path, O_RDONLY))

    #expect(throws: MappingError.notAFile) { try Mapping.shared(descriptor, offset: 0, count: 4096) }
  }

  @Test("a file that is open for reading only is refused (VU-052)")
  func readOnly() throws {
    let file = try Descriptor.memory(named: "test", size: page)
    let reader = Descriptor(owning: open("/proc/self/fd/\(file.raw)", O_RDONLY))

    #expect(throws: MappingError.failed(SystemCallError(call: "mmap", code: EACCES))) {
      try Mapping.shared(reader, offset: 0, count: UInt64(page))
    }
  }

  @Test("a mapping stays when its descriptor is closed (VU-050)")
  func outlivesDescriptor() throws {
    var file: Descriptor? = try Descriptor.memory(named: "test", size: page)
    let mapping = try Mapping.shared(try #require(file), offset: 0, count: UInt64(page))

    file = nil

    mapping.base.storeBytes(of: 1, as: UInt8.self)
    #expect(mapping.base.load(as: UInt8.self) == 1)
  }
}

@Suite("SIGBUS guard")
struct GuardTests {
  init() throws { try Mapping.installGuard() }

  @Test("a page that the file lost reads as zeros and is counted (VU-059)")
  func truncated() throws {
    let file = try Descriptor.memory(named: "test", size: 4 * page)
    let mapping = try Mapping.shared(file, offset: 0, count: UInt64(4 * page))
    mapping.base.storeBytes(of: 5, toByteOffset: 0, as: UInt8.self)
    mapping.base.storeBytes(of: 6, toByteOffset: 3 * page, as: UInt8.self)

    try file.truncate(to: 2 * page)

    #expect(mapping.lostPages == 0)
    #expect(mapping.base.load(fromByteOffset: 3 * page, as: UInt8.self) == 0)
    #expect(mapping.lostPages == 1)
    #expect(Mapping.lostPagesAnywhere >= 1)
    mapping.base.storeBytes(of: 9, toByteOffset: 3 * page + 1, as: UInt8.self)
    #expect(mapping.base.load(fromByteOffset: 3 * page + 1, as: UInt8.self) == 9)
    #expect(mapping.base.load(as: UInt8.self) == 5)
    #expect(mapping.lostPages == 1)
  }

  @Test("a lost page of one mapping is not counted for another (VU-059)")
  func countedForItsMapping() throws {
    let file = try Descriptor.memory(named: "test", size: page)
    let mapping = try Mapping.shared(file, offset: 0, count: UInt64(page))
    let other = try Mapping.shared(.memory(named: "other", size: page), offset: 0, count: UInt64(page))

    try file.truncate(to: 0)
    _ = mapping.base.load(as: UInt8.self)

    #expect(mapping.lostPages == 1)
    #expect(other.lostPages == 0)
  }

  @Test("a thread without Swift's help, such as an audio context, survives too (VU-059)")
  func otherThread() throws {
    let file = try Descriptor.memory(named: "test", size: page)
    let mapping = try Mapping.shared(file, offset: 0, count: UInt64(page))
    try file.truncate(to: 0)

    let thread = try Thread(name: "reader") { _ = mapping.base.load(as: UInt8.self) }
    thread.join()

    #expect(mapping.lostPages == 1)
  }

  @Test("a lost page signals the eventfd (VU-059)")
  func notifies() async {
    await #expect(processExitsWith: .success) {
      let event = try Mapping.installGuard()
      let file = try Descriptor.memory(named: "test", size: 4096)
      let mapping = try Mapping.shared(file, offset: 0, count: 4096)
      try file.truncate(to: 0)

      _ = mapping.base.load(as: UInt8.self)

      #expect(event.readEvent() == .signalled)
    }
  }

  @Test("a bus error anywhere else still ends the process (VU-059)")
  func elsewhere() async {
    await #expect(processExitsWith: .failure) {
      try Mapping.installGuard()
      let file = try Descriptor.memory(named: "test", size: 4096)
      let start = try #require(mmap(nil, 4096, PROT_READ, MAP_SHARED, file.raw, 0))
      try file.truncate(to: 0)

      _ = start.load(as: UInt8.self)
    }
  }

  @Test("a bus error sent by a process still ends this one (VU-059)")
  func sent() async {
    await #expect(processExitsWith: .failure) {
      try Mapping.installGuard()
      raise(SIGBUS)
    }
  }
}
