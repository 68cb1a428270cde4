// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc

/// Memory shared with another process, unmapped when its last user lets go of it.
@safe
package final class Mapping: @unchecked Sendable {
  /// The first byte asked for; the mapping itself may begin earlier, on a page.
  package let base: UnsafeMutableRawPointer
  package let count: Int
  private let start: UnsafeMutableRawPointer
  private let length: Int

  /// Takes over a mapping made by `mmap`: `length` bytes at `start`, of which `count` at `offset` are of interest.
  @unsafe
  package init(owning start: UnsafeMutableRawPointer, length: Int, offset: Int, count: Int) {
    unsafe self.start = start
    self.length = length
    unsafe base = start + offset
    self.count = count
  }

  deinit { unsafe munmap(start, length) }
}
