// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// Why a descriptor of another process cannot be mapped.
package enum MappingError: Error, Equatable, CustomStringConvertible {
  case notAFile
  case tooShort(size: UInt64)
  case outOfRange
  case failed(SystemCallError)

  package var description: String {
    switch self {
    case .notAFile: "the descriptor is no file that can be mapped"
    case .tooShort(let size): "the file has only \(size) bytes"
    case .outOfRange: "the range does not fit into an address space"
    case .failed(let error): "\(error)"
    }
  }
}

extension Descriptor {
  /// Makes anonymous memory of `size` bytes, all zero, to be shared with another process.
  package static func memory(named name: String, size: Int) throws(SystemCallError) -> Descriptor {
    let descriptor = Descriptor(owning: try SystemCall.run("memfd_create") { unsafe vsnd_memfd(name) })
    try descriptor.truncate(to: size)
    return descriptor
  }

  /// Changes the size of a file.
  package func truncate(to size: Int) throws(SystemCallError) {
    try SystemCall.run("ftruncate") { ftruncate(raw, size) }
  }
}

extension Mapping {
  /// Maps `count` bytes at `offset` of a file for reading and writing, shared with its other users.
  ///
  /// The file's memory stays out of core dumps (VU-053), and if the file shrinks later, its pages read as
  /// zeros here and ``lostPages`` says so (VU-059); ``installGuard()`` must have been called.
  package static func shared(
    _ file: Descriptor, offset: UInt64, count: UInt64
  ) throws(MappingError) -> Mapping {
    let page = try pageSize(of: file, offset: offset, count: count)
    // The checks in pageSize keep all of this below 2^62.
    let skip = Int(offset % UInt64(page))
    let length = (skip + Int(count) + page - 1) / page * page
    let address: Int
    do {
      address = try SystemCall.run("mmap") {
        Int(
          bitPattern: unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.raw, Int(offset) - skip))
      }
    } catch {
      throw .failed(error)
    }
    guard let start = unsafe UnsafeMutableRawPointer(bitPattern: address) else { throw .outOfRange }
    _ = unsafe madvise(start, length, MADV_DONTDUMP)
    let slot = unsafe vsnd_guard_add(start, length, page)
    if slot < 0 {
      unsafe munmap(start, length)
      throw .failed(SystemCallError(call: "registering the range", code: ENOSPC))
    }
    // SAFETY: the mapping is `length` bytes, at least `skip + count`.
    return unsafe Mapping(owning: start, length: length, offset: skip, count: Int(count), guardSlot: slot)
  }

  /// Checks file and range; returns the size of the file's pages.
  private static func pageSize(
    of file: Descriptor, offset: UInt64, count: UInt64
  ) throws(MappingError) -> Int {
    let limit = UInt64(1) << 62
    guard count > 0, count < limit, offset < limit, offset + count < limit else { throw .outOfRange }
    var status = stat()
    do {
      // SAFETY: the struct lives through the call.
      try SystemCall.run("fstat") { unsafe fstat(file.raw, &status) }
      guard status.st_mode & S_IFMT == S_IFREG else { throw MappingError.notAFile }
      let size = UInt64(Swift.max(status.st_size, 0))
      guard size >= offset + count else { throw MappingError.tooShort(size: size) }
      let huge = try SystemCall.run("fstatfs") { vsnd_huge_page_size(file.raw) }
      return huge > 0 ? huge : sysconf(Int32(_SC_PAGESIZE))
    } catch let error as SystemCallError {
      throw .failed(error)
    } catch {
      throw error as? MappingError ?? .notAFile
    }
  }

  /// Takes over SIGBUS for the process, so that files which shrink do not end it (VU-059).
  ///
  /// - Returns: an eventfd that is signalled for each lost page of any mapping, always the same one.
  @discardableResult
  package static func installGuard() throws(SystemCallError) -> Descriptor {
    // The handler writes to it at any time, so it is never closed.
    let signal = try lossSignal.get()
    try SystemCall.run("sigaction") { vsnd_guard_install(signal.raw) }
    return signal
  }

  private static let lossSignal: Result<Descriptor, SystemCallError> = {
    do throws(SystemCallError) {
      return .success(try .event())
    } catch {
      return .failure(error)
    }
  }()

  /// How many pages were lost in any mapping since the start of the process.
  package static var lostPagesAnywhere: UInt32 { vsnd_guard_lost_anywhere() }
}
