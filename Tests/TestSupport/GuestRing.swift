// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
package import VhostUser
package import Virtqueue

/// The driver's side of a split ring, written from the specification (VS-160…168, VS-180…183).
///
/// It does what a driver does, and lets a test do what none should. One thread at a time.
package final class GuestRing: @unchecked Sendable {
  /// A piece of a chain, before it becomes a descriptor.
  package struct Piece: Equatable, Sendable {
    package var address: UInt64
    package var length: UInt32
    package var isWritable: Bool

    package init(_ address: UInt64, _ length: Int, writable: Bool = false) {
      self.address = address
      self.length = UInt32(length)
      isWritable = writable
    }
  }

  /// How a chain is written down.
  package enum Form: Equatable, Sendable {
    case direct
    case indirect
    /// The first descriptors directly, the others in a table (VS-164).
    case mixed(direct: Int)
  }

  /// An entry of the used ring.
  package struct Used: Equatable, Sendable {
    package var id: UInt32
    package var length: UInt32

    package init(id: UInt32, length: UInt32) {
      self.id = id
      self.length = length
    }
  }

  /// Bits of a descriptor's flags.
  package enum Flag {
    package static let next: UInt16 = 1
    package static let write: UInt16 = 2
    package static let indirect: UInt16 = 4
  }

  package let guest: MemoryGuest
  package let size: Int
  /// Guest addresses of the three areas.
  package let descriptorTable: UInt64
  package let availRing: UInt64
  package let usedRing: UInt64
  /// Where the next head goes in the avail ring; not all before it need be published.
  package private(set) var nextAvail: UInt16
  private var seenUsed: UInt16
  private var free: [UInt16]
  private var owned: [UInt16: [UInt16]] = [:]
  private var tables: [UInt16: (address: UInt64, count: Int)] = [:]

  /// - Parameter start: both indexes at the beginning, to get to their wrap soon.
  package convenience init(_ guest: MemoryGuest, size: Int = 64, start: UInt16 = 0) {
    self.init(
      guest, size: size, start: start, descriptorTable: guest.allocate(16 * size),
      availRing: guest.allocate(6 + 2 * size), usedRing: guest.allocate(6 + 8 * size))
    setIndex(start, at: availRing + 2)
    setIndex(start, at: usedRing + 2)
  }

  /// A ring where a front-end has put it.
  package convenience init(_ guest: MemoryGuest, _ addresses: RingAddresses, size: Int) {
    self.init(
      guest, size: size, start: 0, descriptorTable: guest.guestAddress(ofUser: addresses.descriptorTable),
      availRing: guest.guestAddress(ofUser: addresses.availRing),
      usedRing: guest.guestAddress(ofUser: addresses.usedRing))
  }

  package init(
    _ guest: MemoryGuest, size: Int, start: UInt16, descriptorTable: UInt64, availRing: UInt64,
    usedRing: UInt64
  ) {
    self.guest = guest
    self.size = size
    self.descriptorTable = descriptorTable
    self.availRing = availRing
    self.usedRing = usedRing
    nextAvail = start
    seenUsed = start
    free = (0..<size).reversed().map { UInt16($0) }
  }

  /// What the device is told of this ring.
  package func layout(
    eventIndex: Bool = true, indirect: Bool = true, notifyOnEmpty: Bool = false
  ) -> RingLayout {
    RingLayout(
      size: UInt32(size), descriptorTable: guest.userAddress(of: descriptorTable),
      availRing: guest.userAddress(of: availRing), usedRing: guest.userAddress(of: usedRing),
      eventIndex: eventIndex, indirect: indirect, notifyOnEmpty: notifyOnEmpty)
  }

  // MARK: Adding buffers

  /// Descriptors that a chain could still take.
  package var room: Int { free.count }

  /// Writes a chain and puts its head into the avail ring; the device sees it after ``publish()``.
  ///
  /// - Returns: the head.
  @discardableResult
  package func add(_ pieces: [Piece], as form: Form = .direct) -> UInt16 {
    let direct =
      switch form {
      case .direct: pieces.count
      case .indirect: 0
      case .mixed(let count): min(count, pieces.count)
      }
    let hasTable = form == .indirect || direct < pieces.count
    let taken = (0..<(direct + (hasTable ? 1 : 0))).map { _ in free.removeLast() }
    for (offset, index) in taken.enumerated() {
      let next = offset + 1 < taken.count ? taken[offset + 1] : nil
      let more = next == nil ? 0 : Flag.next
      if offset < direct {
        let piece = pieces[offset]
        setDescriptor(
          index, piece.address, piece.length, (piece.isWritable ? Flag.write : 0) | more, next ?? 0)
      } else {
        let rest = Array(pieces[direct...])
        let table = table(of: rest)
        tables[taken[0]] = (table, max(16, 16 * rest.count))
        setDescriptor(index, table, UInt32(16 * rest.count), Flag.indirect, 0)
      }
    }
    owned[taken[0]] = taken
    offer(taken[0])
    return taken[0]
  }

  /// Writes an indirect table; returns where.
  package func table(of pieces: [Piece]) -> UInt64 {
    let address = guest.allocate(max(16, 16 * pieces.count), align: 1)
    for (index, piece) in pieces.enumerated() {
      let more = index + 1 < pieces.count
      writeDescriptor(
        at: address + UInt64(16 * index), piece.address, piece.length,
        (piece.isWritable ? Flag.write : 0) | (more ? Flag.next : 0), more ? UInt16(index + 1) : 0)
    }
    return address
  }

  /// Puts any head into the avail ring.
  package func offer(_ head: UInt16) {
    let slot = UInt64(Int(nextAvail) & (size - 1))
    vsnd_store_relaxed_u16(guest.pointer(availRing + 4 + 2 * slot), head.littleEndian)
    nextAvail &+= 1
  }

  /// Shows the device everything added so far.
  package func publish() { setIndex(nextAvail, at: availRing + 2) }

  /// Claims an avail index that is not true.
  package func claimAvailable(_ index: UInt16) { setIndex(index, at: availRing + 2) }

  package func setDescriptor(
    _ index: UInt16, _ address: UInt64, _ length: UInt32, _ flags: UInt16, _ next: UInt16
  ) {
    writeDescriptor(at: descriptorTable + 16 * UInt64(index), address, length, flags, next)
  }

  package func writeDescriptor(
    at place: UInt64, _ address: UInt64, _ length: UInt32, _ flags: UInt16, _ next: UInt16
  ) {
    let pointer = guest.pointer(place)
    pointer.storeBytes(of: address.littleEndian, as: UInt64.self)
    pointer.storeBytes(of: length.littleEndian, toByteOffset: 8, as: UInt32.self)
    pointer.storeBytes(of: flags.littleEndian, toByteOffset: 12, as: UInt16.self)
    pointer.storeBytes(of: next.littleEndian, toByteOffset: 14, as: UInt16.self)
  }

  // MARK: Taking buffers back

  /// The device's used index.
  package var usedIndex: UInt16 { index(at: usedRing + 2) }

  /// What the device has returned since the last call; its descriptors are free again.
  package func takeUsed() -> [Used] {
    var entries: [Used] = []
    let end = usedIndex
    while seenUsed != end {
      let pointer = guest.pointer(usedRing + 4 + 8 * UInt64(Int(seenUsed) & (size - 1)))
      let entry = Used(
        id: UInt32(littleEndian: pointer.load(as: UInt32.self)),
        length: UInt32(littleEndian: pointer.load(fromByteOffset: 4, as: UInt32.self)))
      entries.append(entry)
      if let head = UInt16(exactly: entry.id), let taken = owned.removeValue(forKey: head) {
        free += taken.reversed()
        if let table = tables.removeValue(forKey: head) { guest.free(table.address, table.count) }
      }
      seenUsed &+= 1
    }
    return entries
  }

  // MARK: Notifications

  /// What the device says about kicks without EVENT_IDX: 1 for none.
  package var usedFlags: UInt16 { index(at: usedRing) }
  /// The avail index whose passing the device wants to hear of.
  package var availEvent: UInt16 { index(at: usedRing + 4 + 8 * UInt64(size)) }

  /// What the driver says about notifications without EVENT_IDX: 1 for none.
  package func setAvailFlags(_ flags: UInt16) { setIndex(flags, at: availRing) }
  /// The used index whose passing the driver wants to hear of.
  package func setUsedEvent(_ event: UInt16) { setIndex(event, at: availRing + 4 + 2 * UInt64(size)) }

  /// Whether a driver that has just published `count` buffers must kick.
  package func mustKick(afterAdding count: UInt16, eventIndex: Bool) -> Bool {
    guard eventIndex else { return usedFlags & 1 == 0 }
    vsnd_full_fence()
    return nextAvail &- availEvent &- 1 < count
  }

  private func index(at address: UInt64) -> UInt16 {
    UInt16(littleEndian: vsnd_load_acquire_u16(guest.pointer(address)))
  }

  private func setIndex(_ value: UInt16, at address: UInt64) {
    vsnd_store_release_u16(guest.pointer(address), value.littleEndian)
  }
}
