// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
package import VhostUser

// The order in which VMMs say things (VU section 18, VU-220).

extension FrontEnd {
  /// QEMU 10, creation of the device.
  ///
  /// - Parameter wanted: protocol features to accept where they are offered.
  package func negotiate(_ wanted: ProtocolFeatures = .offered) throws {
    features = try number(.getFeatures)
    protocolFeatures = ProtocolFeatures(rawValue: try number(.getProtocolFeatures)).intersection(wanted)
    try request(.setProtocolFeatures, .of(protocolFeatures.rawValue))
    if protocolFeatures.contains(.multipleQueues) { _ = try number(.getQueueCount) }
    if protocolFeatures.contains(.memorySlots) { _ = try number(.getMemorySlots) }
    try request(.setOwner)
    _ = try number(.getFeatures)
    for index in rings.indices {
      try request(.setRingCall, ringDescriptor(index), [rings[index].call])
      try request(.setRingError, ringDescriptor(index), [rings[index].error])
    }
  }

  /// QEMU 10, start of the guest's driver, or continuing after a pause.
  ///
  /// - Parameters:
  ///   - accepted: features of the guest; nil accepts all.
  ///   - withMemory: false after a pause, when regions are unchanged (VU-057).
  package func start(_ accepted: UInt64? = nil, withMemory: Bool = true) throws {
    try request(.setFeatures, .of((accepted ?? features) | Feature.protocolFeatures))
    if protocolFeatures.contains(.status) {
      _ = try number(.getStatus)
      try request(.setStatus, .of(UInt64(DeviceStatus.featuresOK)))
    }
    if withMemory || !protocolFeatures.contains(.memorySlots) { try setMemory() }
    for index in rings.indices where rings[index].isConfigured {
      try request(.setRingSize, RingNumber(index: UInt32(index), number: rings[index].size).encoded)
      try request(
        .setRingBase, RingNumber(index: UInt32(index), number: UInt32(rings[index].base)).encoded)
      try request(.setRingAddresses, addresses(of: index).encoded)
      try request(.setRingKick, ringDescriptor(index), [rings[index].kick])
      try request(.setRingCall, ringDescriptor(index), [rings[index].call])
    }
    for index in rings.indices { try enable(index, true) }
    for index in rings.indices { try request(.setRingCall, ringDescriptor(index), [rings[index].call]) }
  }

  /// QEMU 10: a pause, a snapshot and a reset of the guest all look like this (VU-130).
  package func stop() throws {
    for index in rings.indices { try enable(index, false) }
    for index in rings.indices where rings[index].isConfigured { rings[index].base = try stopRing(index) }
  }

  /// Everything from the first message to rings that run, as crosvm says it.
  package func startAsCrosvm() throws {
    try request(.setOwner)
    features = try number(.getFeatures)
    protocolFeatures = ProtocolFeatures(rawValue: try number(.getProtocolFeatures))
    try request(.setProtocolFeatures, .of(protocolFeatures.rawValue))
    let count = Int(try number(.getQueueCount))
    for offset in stride(from: UInt32(0), to: 12, by: 4) {
      try request(
        .getConfiguration, ConfigurationRange(offset: offset, flags: 1, bytes: [0, 0, 0, 0]).encoded)
    }
    try request(.setFeatures, .of(features))
    try request(.setMemoryTable, .of(UInt32(1)) + .of(UInt32(0)) + ram.range.encoded, [ram.file])
    for index in 0..<count {
      try request(.setRingSize, RingNumber(index: UInt32(index), number: rings[index].size).encoded)
      try request(.setRingAddresses, ram.ring(index, size: rings[index].size).encoded)
      try request(
        .setRingBase, RingNumber(index: UInt32(index), number: UInt32(rings[index].base)).encoded)
      try request(.setRingCall, ringDescriptor(index), [rings[index].call])
      try request(.setRingKick, ringDescriptor(index), [rings[index].kick])
      try request(.setRingEnable, RingNumber(index: UInt32(index), number: 1).encoded)
    }
  }

  /// Everything from the first message to rings that run, as cloud-hypervisor says it.
  package func startAsCloudHypervisor() throws {
    try request(.setOwner)
    features = try number(.getFeatures)
    protocolFeatures = ProtocolFeatures(rawValue: try number(.getProtocolFeatures))
    try request(.setProtocolFeatures, .of(protocolFeatures.rawValue))
    alwaysNeedsReply = true
    let count = Int(try number(.getQueueCount))
    try demand(.setFeatures, .of(features))
    try demand(.setMemoryTable, .of(UInt32(1)) + .of(UInt32(0)) + ram.range.encoded, [ram.file])
    for index in 0..<count {
      try demand(.setRingSize, RingNumber(index: UInt32(index), number: rings[index].size).encoded)
    }
    for index in 0..<count {
      try demand(.setRingAddresses, ram.ring(index, size: rings[index].size).encoded)
      try demand(
        .setRingBase, RingNumber(index: UInt32(index), number: UInt32(rings[index].base)).encoded)
      try demand(.setRingCall, ringDescriptor(index), [rings[index].call])
      try demand(.setRingKick, ringDescriptor(index), [rings[index].kick])
    }
    for index in 0..<count { try enable(index, true) }
  }

  /// Shares ``ram``, by the way that was negotiated.
  package func setMemory() throws {
    if protocolFeatures.contains(.memorySlots) {
      try demand(.addMemoryRegion, .of(UInt64(0)) + ram.range.encoded, [ram.file])
    } else {
      let table: [UInt8] = .of(UInt32(1)) + .of(UInt32(0)) + ram.range.encoded
      try settle(.setMemoryTable, table, [ram.file])
    }
  }

  package func enable(_ index: Int, _ enabled: Bool) throws {
    try settle(.setRingEnable, RingNumber(index: UInt32(index), number: enabled ? 1 : 0).encoded)
  }

  /// Stops one ring; returns the back-end's base.
  package func stopRing(_ index: Int) throws -> UInt16 {
    let payload = RingNumber(index: UInt32(index), number: 0).encoded
    let reply = try request(.getRingBase, payload)
    guard let reply = reply.flatMap({ RingNumber($0) }), reply.index == UInt32(index),
      let base = UInt16(exactly: reply.number)
    else { throw FrontEndError.refused("GET_VRING_BASE") }
    return base
  }

  private func addresses(of index: Int) -> RingAddresses {
    var addresses = ram.ring(index, size: rings[index].size)
    addresses.descriptorTable += rings[index].shift
    addresses.availRing += rings[index].shift
    addresses.usedRing += rings[index].shift
    return addresses
  }

  /// The payload that announces a descriptor for ring `index`.
  package func ringDescriptor(_ index: Int) -> [UInt8] {
    RingDescriptor(index: UInt32(index), isWithout: false).encoded
  }

  /// Waits until a request has been served: by acknowledgement, or else by a GET_FEATURES behind it (VU-027).
  private func settle(_ request: Request, _ payload: [UInt8], _ descriptors: [Descriptor] = []) throws {
    if protocolFeatures.contains(.acknowledgements) {
      try demand(request, payload, descriptors)
    } else {
      try self.request(request, payload, descriptors)
      _ = try number(.getFeatures)
    }
  }
}
