// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

extension Request {
  /// What a request looks like, and what answers it when it is refused.
  struct Row: Sendable {
    let request: Request
    let name: String
    /// Allowed sizes of the payload; nil: the request is never served.
    let payload: ClosedRange<Int>?
    let descriptors: ClosedRange<Int>
    /// What must have been negotiated for it.
    let feature: ProtocolFeatures
    let refusal: Refusal

    init(
      _ request: Request, _ name: String, _ payload: ClosedRange<Int>? = nil,
      descriptors: ClosedRange<Int> = 0...0, feature: ProtocolFeatures = [],
      refusal: Refusal = .acknowledgement
    ) {
      self.request = request
      self.name = name
      self.payload = payload
      self.descriptors = descriptors
      self.feature = feature
      self.refusal = refusal
    }
  }

  /// The answer to a request that cannot be served (VU-026).
  enum Refusal: Sendable {
    /// A number other than 0, if the front-end asked for one.
    case acknowledgement
    /// A number in any case.
    case number(UInt64)
    /// So many bytes, all zero, in any case.
    case zeros(Int)
    /// The index asked for and 0.
    case ring
  }

  var row: Row { Self.rows[Int(rawValue) - 1] }

  /// The request's name in the protocol.
  package var name: String { row.name }

  /// In the order of their numbers, which start with 1 and have no gaps (VU section 4).
  static let rows: [Row] = [
    Row(.getFeatures, "GET_FEATURES", 0...0, refusal: .number(0)),
    Row(.setFeatures, "SET_FEATURES", 8...8),
    Row(.setOwner, "SET_OWNER", 0...0),
    Row(.resetOwner, "RESET_OWNER", 0...0),
    Row(.setMemoryTable, "SET_MEM_TABLE", 8...Limit.payload, descriptors: 0...Limit.descriptors),
    Row(.setLogBase, "SET_LOG_BASE"),
    Row(.setLogDescriptor, "SET_LOG_FD"),
    Row(.setRingSize, "SET_VRING_NUM", 8...8),
    Row(.setRingAddresses, "SET_VRING_ADDR", 40...40),
    Row(.setRingBase, "SET_VRING_BASE", 8...8),
    Row(.getRingBase, "GET_VRING_BASE", 8...8, refusal: .ring),
    Row(.setRingKick, "SET_VRING_KICK", 8...8, descriptors: 0...1),
    Row(.setRingCall, "SET_VRING_CALL", 8...8, descriptors: 0...1),
    Row(.setRingError, "SET_VRING_ERR", 8...8, descriptors: 0...1),
    Row(.getProtocolFeatures, "GET_PROTOCOL_FEATURES", 0...0, refusal: .number(0)),
    Row(.setProtocolFeatures, "SET_PROTOCOL_FEATURES", 8...8),
    Row(.getQueueCount, "GET_QUEUE_NUM", 0...0, feature: .multipleQueues, refusal: .number(0)),
    Row(.setRingEnable, "SET_VRING_ENABLE", 8...8),
    Row(.sendRARP, "SEND_RARP"),
    Row(.setNetworkMTU, "NET_SET_MTU"),
    Row(.setBackendDescriptor, "SET_BACKEND_REQ_FD"),
    Row(.translation, "IOTLB_MSG", refusal: .number(1)),
    Row(.setRingEndian, "SET_VRING_ENDIAN"),
    // Served without negotiation as well: there is nothing to lose (VU-155).
    Row(.getConfiguration, "GET_CONFIG", 13...Limit.payload, refusal: .zeros(0)),
    Row(.setConfiguration, "SET_CONFIG", 13...Limit.payload, feature: .configuration),
    Row(.createCryptoSession, "CREATE_CRYPTO_SESSION"),
    Row(.closeCryptoSession, "CLOSE_CRYPTO_SESSION"),
    Row(.postcopyAdvise, "POSTCOPY_ADVISE", refusal: .zeros(0)),
    Row(.postcopyListen, "POSTCOPY_LISTEN"),
    Row(.postcopyEnd, "POSTCOPY_END", refusal: .number(1)),
    Row(.getInflightDescriptor, "GET_INFLIGHT_FD", refusal: .zeros(24)),
    Row(.setInflightDescriptor, "SET_INFLIGHT_FD"),
    Row(.setGPUSocket, "GPU_SET_SOCKET"),
    Row(.resetDevice, "RESET_DEVICE", 0...0, feature: .resetDevice),
    Row(.ringKick, "VRING_KICK"),
    Row(.getMemorySlots, "GET_MAX_MEM_SLOTS", 0...0, feature: .memorySlots, refusal: .number(0)),
    Row(.addMemoryRegion, "ADD_MEM_REG", 40...40, descriptors: 1...1, feature: .memorySlots),
    Row(.removeMemoryRegion, "REM_MEM_REG", 40...40, descriptors: 0...1, feature: .memorySlots),
    Row(.setStatus, "SET_STATUS", 8...8, feature: .status),
    Row(.getStatus, "GET_STATUS", 0...0, feature: .status, refusal: .number(0)),
    Row(.getSharedObject, "GET_SHARED_OBJECT", refusal: .zeros(0)),
    Row(.setDeviceStateDescriptor, "SET_DEVICE_STATE_FD", refusal: .number(0x101)),
    Row(.checkDeviceState, "CHECK_DEVICE_STATE", refusal: .number(1)),
    Row(.getSharedMemoryConfiguration, "GET_SHMEM_CONFIG", refusal: .zeros(2056)),
  ]
}
