// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The numbers of the vhost-user protocol (VU sections 1 to 4); nobody else writes them.

/// What a front-end may ask for.
package enum Request: UInt32, CaseIterable, Sendable {
  case getFeatures = 1
  case setFeatures = 2
  case setOwner = 3
  case resetOwner = 4
  case setMemoryTable = 5
  case setLogBase = 6
  case setLogDescriptor = 7
  case setRingSize = 8
  case setRingAddresses = 9
  case setRingBase = 10
  case getRingBase = 11
  case setRingKick = 12
  case setRingCall = 13
  case setRingError = 14
  case getProtocolFeatures = 15
  case setProtocolFeatures = 16
  case getQueueCount = 17
  case setRingEnable = 18
  case sendRARP = 19
  case setNetworkMTU = 20
  case setBackendDescriptor = 21
  case translation = 22
  case setRingEndian = 23
  case getConfiguration = 24
  case setConfiguration = 25
  case createCryptoSession = 26
  case closeCryptoSession = 27
  case postcopyAdvise = 28
  case postcopyListen = 29
  case postcopyEnd = 30
  case getInflightDescriptor = 31
  case setInflightDescriptor = 32
  case setGPUSocket = 33
  case resetDevice = 34
  case ringKick = 35
  case getMemorySlots = 36
  case addMemoryRegion = 37
  case removeMemoryRegion = 38
  case setStatus = 39
  case getStatus = 40
  case getSharedObject = 41
  case setDeviceStateDescriptor = 42
  case checkDeviceState = 43
  case getSharedMemoryConfiguration = 44
}

/// Features of the protocol itself (VU-037).
package struct ProtocolFeatures: OptionSet, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let multipleQueues = Self(rawValue: 1 << 0)
  package static let acknowledgements = Self(rawValue: 1 << 3)
  package static let configuration = Self(rawValue: 1 << 9)
  package static let resetDevice = Self(rawValue: 1 << 13)
  package static let memorySlots = Self(rawValue: 1 << 15)
  package static let status = Self(rawValue: 1 << 16)

  package static let offered: Self = [
    .multipleQueues, .acknowledgements, .configuration, .resetDevice, .memorySlots, .status,
  ]
}

/// Feature bits that the session itself cares about.
package enum Feature {
  /// Protocol features may be negotiated; rings start disabled (VU-031, VU-034).
  package static let protocolFeatures: UInt64 = 1 << 30
  /// A modern device; required (VU-033).
  package static let version1: UInt64 = 1 << 32
}

/// Parts of a message's header.
package enum Header {
  package static let size = 12
  static let versionMask: UInt32 = 0b11
  static let version: UInt32 = 1
  static let reply: UInt32 = 1 << 2
  static let needsReply: UInt32 = 1 << 3
  static let known = versionMask | reply | needsReply
}

/// Bounds on what a front-end may send.
package enum Limit {
  /// Bytes of payload (VU-007).
  package static let payload = 4096
  /// Descriptors kept for one message; no request takes more than 32 (VU-050).
  package static let descriptors = 64
  /// Regions in one SET_MEM_TABLE (VU-050).
  package static let tableRegions = 32
  /// What GET_MAX_MEM_SLOTS answers (VU-056).
  package static let memorySlots = 509
  /// Entries of a ring (VU-070).
  package static let ringSize: UInt32 = 32768
  /// Bytes of configuration space (VU-152).
  package static let configuration = 256
}

/// Values of the device status that the session knows (VU-140).
package enum DeviceStatus {
  package static let featuresOK: UInt8 = 8
  package static let needsReset: UInt8 = 64
}
