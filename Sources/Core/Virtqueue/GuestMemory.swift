// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// A snapshot of the guest's memory: where each range of guest addresses is mapped here.
///
/// Immutable. A change of the table makes a new snapshot; the mappings of the old one live as long as
/// something still holds it (VU-054).
@safe
package final class GuestMemory: Sendable {
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

  package let regions: [Region]

  /// - Parameter regions: must not overlap in either address space; any order.
  package init(regions: [Region]) {
    self.regions = regions.sorted { $0.guestAddress < $1.guestAddress }
  }

  /// The memory of a guest that has none yet.
  package static let empty = GuestMemory(regions: [])
}
