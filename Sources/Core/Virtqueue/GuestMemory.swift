// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// A snapshot of the guest's memory: where each range of guest addresses is mapped here.
///
/// Immutable. A change of the table makes a new snapshot; the mappings of the old one live as long as
/// something still holds it (VU-054).
@safe
package final class GuestMemory: @unchecked Sendable {
  /// One range of the table.
  package struct Region: Sendable {
    package let guestAddress: UInt64
    package let userAddress: UInt64
    package let mapping: Mapping
    package var size: UInt64 { UInt64(mapping.count) }

    /// - Parameters:
    ///   - guestAddress: guest-physical, as descriptors have it.
    ///   - userAddress: in the front-end's address space, as ring addresses have it (VU-051).
    package init(guestAddress: UInt64, userAddress: UInt64, mapping: Mapping) {
      self.guestAddress = guestAddress
      self.userAddress = userAddress
      self.mapping = mapping
    }
  }

  /// Sorted by guest address.
  package let regions: [Region]
  private let byGuestAddress: UnsafeMutableBufferPointer<GuestRange>
  private let byUserAddress: UnsafeMutableBufferPointer<GuestRange>

  /// - Parameter regions: must not overlap in either address space, nor wrap; any order.
  package init(regions: [Region]) {
    self.regions = regions.sorted { $0.guestAddress < $1.guestAddress }
    unsafe byGuestAddress = Self.table(of: self.regions) { $0.guestAddress }
    unsafe byUserAddress = Self.table(of: regions.sorted { $0.userAddress < $1.userAddress }) {
      $0.userAddress
    }
  }

  deinit {
    unsafe byGuestAddress.deallocate()
    unsafe byUserAddress.deallocate()
  }

  /// The memory of a guest that has none yet.
  package static let empty = GuestMemory(regions: [])

  /// Whether the front-end took pages back that were in use: what is here is not the guest's any more (VU-059).
  package var isDamaged: Bool { regions.contains { $0.mapping.lostPages > 0 } }

  /// Looks up guest-physical addresses; valid as long as this snapshot lives.
  package var guestView: GuestView { unsafe GuestView(byGuestAddress) }

  /// Looks up addresses of the front-end; valid as long as this snapshot lives.
  package var userView: GuestView { unsafe GuestView(byUserAddress) }

  private static func table(
    of regions: [Region], by address: (Region) -> UInt64
  ) -> UnsafeMutableBufferPointer<GuestRange> {
    let table = UnsafeMutableBufferPointer<GuestRange>.allocate(capacity: regions.count)
    for (index, region) in regions.enumerated() {
      let range = unsafe GuestRange(first: address(region), size: region.size, base: region.mapping.base)
      unsafe table.initializeElement(at: index, to: range)
    }
    return unsafe table
  }
}

/// A range of addresses and where it is mapped.
@safe
struct GuestRange {
  let first: UInt64
  let size: UInt64
  let base: UnsafeMutableRawPointer
}

/// A contiguous piece of guest memory, mapped here.
@safe
package struct GuestRun {
  /// Valid only when ``count`` is above 0.
  package let base: UnsafeMutableRawPointer?
  package let count: Int

  @_noAllocation @_noLocks
  init(_ base: UnsafeMutableRawPointer?, _ count: Int) {
    unsafe self.base = base
    self.count = count
  }
}

/// Turns addresses into pointers; the one door to guest memory.
@safe
package struct GuestView {
  private let ranges: UnsafeMutablePointer<GuestRange>?
  private let count: Int

  init(_ table: UnsafeMutableBufferPointer<GuestRange>) {
    unsafe ranges = table.baseAddress
    count = table.count
  }

  /// The longest run of mapped memory that begins at `address`, at most `length` bytes.
  ///
  /// - Returns: a run of 0 bytes where nothing is mapped.
  @_noAllocation @_noLocks
  package func run(at address: UInt64, upTo length: Int) -> GuestRun {
    guard let ranges = unsafe ranges else { return unsafe GuestRun(nil, 0) }
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) / 2
      // SAFETY: 0 <= middle < count.
      let range = unsafe ranges[middle]
      if address < range.first {
        high = middle
      } else if address &- range.first >= range.size {
        low = middle &+ 1
      } else {
        let offset = address &- range.first
        let available = range.size &- offset
        // SAFETY: offset < size of the mapping, and the run ends with it.
        return unsafe GuestRun(
          range.base + Int(offset), available < UInt64(max(0, length)) ? Int(available) : max(0, length))
      }
    }
    return unsafe GuestRun(nil, 0)
  }

  /// Whether every byte of the range is mapped; a range may straddle regions (VS-168).
  @_noAllocation @_noLocks
  package func covers(_ address: UInt64, _ length: UInt32) -> Bool {
    var at = address
    var rest = Int(length)
    while rest > 0 {
      let run = run(at: at, upTo: rest)
      if run.count == 0 { return false }
      rest &-= run.count
      let (next, wrapped) = at.addingReportingOverflow(UInt64(run.count))
      if wrapped, rest > 0 { return false }
      at = next
    }
    return true
  }
}
