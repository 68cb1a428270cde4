// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform

/// What the front-end has said about one ring so far.
struct Ring {
  enum Kick {
    /// Nothing was said: the ring may not run (VU-073).
    case missing
    /// The guest's kicks come here; nil: poll the ring (VU-076).
    case told(Descriptor?)
  }

  var size: UInt32?
  var base: UInt16 = 0
  var addresses: RingAddresses?
  var kick = Kick.missing
  var call: Descriptor?
  var error: Descriptor?
  var isEnabled = false
  /// The device runs it.
  var isStarted = false

  /// Everything the device needs, nil while something is missing.
  var setup: RingSetup? {
    guard let size, let addresses, case .told(let kick) = kick else { return nil }
    return RingSetup(
      size: size, base: base, descriptorTable: addresses.descriptorTable, availRing: addresses.availRing,
      usedRing: addresses.usedRing, kick: kick, call: call, error: error, enabled: isEnabled)
  }

  /// Forgets that it ran; what it ran with stays, but for descriptors that come anew (VU-089).
  mutating func stop(at base: UInt16) {
    self.base = base
    isStarted = false
    kick = .missing
    call = nil
  }
}

extension RingAddresses {
  /// The three areas of a split ring of `size` entries (VU-055).
  func areas(_ size: UInt32) -> [(first: UInt64, count: UInt64)] {
    let size = UInt64(size)
    return [(descriptorTable, 16 * size), (availRing, 6 + 2 * size), (usedRing, 6 + 8 * size)]
  }

  /// What is wrong with them for a ring of `size` entries, nil for nothing.
  ///
  /// - Parameter memory: nil while there is none; then only the numbers are looked at.
  func problem(_ size: UInt32, _ memory: MemoryTable?) -> String? {
    guard descriptorTable % 16 == 0, availRing % 2 == 0, usedRing % 4 == 0 else {
      return "an address is not aligned"
    }
    let areas = areas(size)
    for (index, area) in areas.enumerated() {
      guard !area.first.addingReportingOverflow(area.count).overflow else { return "an area wraps" }
      for other in areas[..<index]
      where area.first < other.first + other.count && other.first < area.first + area.count {
        return "two areas overlap"
      }
      if let memory, !memory.holds(area.first, area.count) { return "an area is not in the guest's memory" }
    }
    return nil
  }
}
