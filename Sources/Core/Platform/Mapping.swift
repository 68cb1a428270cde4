// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// Memory shared with another process, unmapped when its last user lets go of it.
@safe
package final class Mapping: @unchecked Sendable {
  /// The first byte asked for; the mapping itself may begin earlier, on a page.
  package let base: UnsafeMutableRawPointer
  package let count: Int
  private let start: UnsafeMutableRawPointer
  private let length: Int
  private let guardSlot: Int32?

  /// Takes over a mapping made by `mmap`: `length` bytes at `start`, of which `count` at `offset` are of interest.
  ///
  /// - Parameter guardSlot: of `vsnd_guard_add`, to be removed with the mapping.
  @unsafe
  package init(
    owning start: UnsafeMutableRawPointer, length: Int, offset: Int, count: Int, guardSlot: Int32? = nil
  ) {
    unsafe self.start = start
    self.length = length
    unsafe base = start + offset
    self.count = count
    self.guardSlot = guardSlot
  }

  /// Pages that the file lost, and that read as zeros since: what the guest has is no longer what we see.
  package var lostPages: UInt32 { guardSlot.map { vsnd_guard_lost($0) } ?? 0 }

  deinit {
    // First the guard: another mapping may take the addresses as soon as they are free.
    if let guardSlot { vsnd_guard_remove(guardSlot) }
    unsafe munmap(start, length)
  }
}
