// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Features, status, configuration space and reset (VU sections 3, 8, 9, 10).

extension Session {
  var hasStartedRings: Bool { rings.contains(where: \.isStarted) }

  func setFeatures(_ payload: [UInt8]) throws(Refused) {
    guard let asked = payload.number(UInt64.self, at: 0) else { throw Refused("it is too short") }
    let offered = device.offeredFeatures | Feature.protocolFeatures
    guard asked & ~offered == 0 else {
      throw Refused("it has bits that were not offered: 0x\(String(asked & ~offered, radix: 16))")
    }
    guard asked & Feature.version1 != 0 else { throw Refused("it lacks VERSION_1") }
    if hasStartedRings {
      // Front-ends repeat themselves; anything else would pull the rings' format from under them (VU-033).
      guard asked == features else { throw Refused("rings run with other features") }
      return
    }
    features = asked
    device.accept(features: asked & ~Feature.protocolFeatures)
    if asked & Feature.protocolFeatures == 0 {
      for index in rings.indices { rings[index].isEnabled = true }
    }
    startReadyRings()
  }

  func setProtocolFeatures(_ payload: [UInt8]) throws(Refused) {
    guard let bits = payload.number(UInt64.self, at: 0) else { throw Refused("it is too short") }
    let asked = ProtocolFeatures(rawValue: bits)
    let extra = asked.subtracting(.offered)
    guard extra.isEmpty else {
      throw Refused("it has bits that were not offered: 0x\(String(extra.rawValue, radix: 16))")
    }
    protocolFeatures = asked
  }

  /// The last value set, and the device's cry for help (VU-140).
  var currentStatus: UInt64 {
    UInt64(device.needsReset ? status | DeviceStatus.needsReset : status)
  }

  func setStatus(_ payload: [UInt8]) throws(Refused) {
    guard let value = payload.number(UInt64.self, at: 0), let asked = UInt8(exactly: value) else {
      throw Refused("it is no status")
    }
    if asked == 0 { return resetDevice() }
    // Without features there is nothing to be content with (VU-142).
    status = features == nil ? asked & ~DeviceStatus.featuresOK : asked
  }

  /// Memory, negotiated features and the connection stay (VU-134).
  func resetDevice() {
    device.reset()
    status = 0
    for index in rings.indices {
      rings[index].stop(at: 0)
      rings[index].isEnabled = false
    }
  }

  func readConfiguration(_ payload: [UInt8]) throws(Refused) -> [UInt8] {
    guard var range = ConfigurationRange(payload) else { throw Refused("it is no range of the space") }
    range.bytes = device.configuration(offset: Int(range.offset), count: range.bytes.count)
    return range.encoded
  }

  /// All fields are read-only; a migration may check that they are the same (VU-154).
  func writeConfiguration(_ payload: [UInt8]) throws(Refused) {
    guard let range = ConfigurationRange(payload) else { throw Refused("it is no range of the space") }
    // QEMU numbers migration 1, rust-vmm 2, where QEMU's 1 means the same to us: no harm in equal values.
    guard range.flags == 1 || range.flags == 2 else { throw Refused("the fields are read-only") }
    guard device.configuration(offset: Int(range.offset), count: range.bytes.count) == range.bytes else {
      throw Refused("the values are not this device's")
    }
  }
}
