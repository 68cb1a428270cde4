// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform

/// How much a line of a session's log matters.
package enum SessionLogLevel: Sendable { case debug, info, warning }

/// Why a request is refused; the state is as before it (VU-025).
struct Refused: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The back-end's side of one vhost-user connection: messages in, replies and calls of a device out.
///
/// Pure: it reads no socket and no clock and starts no thread. The effect of a message is complete when
/// ``handle(_:)`` returns (VU-009). No message can end it: what cannot be served is refused (VU-025).
package final class Session {
  let device: any VhostDevice
  let log: (SessionLogLevel, String) -> Void
  /// Accepted by SET_FEATURES, bit 30 included; nil before.
  var features: UInt64?
  var protocolFeatures: ProtocolFeatures = []
  var status: UInt8 = 0
  var memory = MemoryTable()
  var rings: [Ring]

  /// - Parameter log: called on the control thread, up to once or twice per message: limit its rate.
  package init(device: any VhostDevice, log: @escaping (SessionLogLevel, String) -> Void) {
    self.device = device
    self.log = log
    rings = Array(repeating: Ring(), count: device.ringCount)
  }

  /// The rings that the device runs.
  package var startedRings: Set<Int> { Set(rings.indices.filter { rings[$0].isStarted }) }

  /// Serves one message; its descriptors are adopted or closed.
  ///
  /// - Returns: the one reply that it gets, nil for none (VU-020 to VU-022).
  package func handle(_ message: Message) -> Reply? {
    if message.unknownFlags != 0 {
      log(.debug, "request \(message.request) has unknown flags 0x\(String(message.flags, radix: 16))")
    }
    guard let request = Request(rawValue: message.request) else {
      log(.warning, "request \(message.request) is unknown")
      return message.needsReply ? Reply(request: message.request, payload: .of(UInt64(1))) : nil
    }
    do {
      try check(message, request.row)
      if let answer = try serve(request, message) { return Reply(request: message.request, payload: answer) }
      return message.needsReply ? Reply(request: message.request, payload: .of(UInt64(0))) : nil
    } catch {
      log(.warning, "\(request.name) refused: \(error.reason)")
      return request.refusal(of: message).map { Reply(request: message.request, payload: $0) }
    }
  }

  private func check(_ message: Message, _ row: Request.Row) throws(Refused) {
    guard let sizes = row.payload else { throw Refused("it is not offered") }
    guard sizes.contains(message.payload.count) else {
      throw Refused("its payload has \(message.payload.count) bytes")
    }
    guard row.descriptors.contains(message.descriptors.count) else {
      throw Refused("\(message.descriptors.count) descriptors came with it")
    }
    guard protocolFeatures.isSuperset(of: row.feature) else { throw Refused("it was not negotiated") }
  }

  /// - Returns: the payload of the reply, nil for those that are only acknowledged.
  private func serve(_ request: Request, _ message: Message) throws(Refused) -> [UInt8]? {
    let payload = message.payload
    switch request {
    case .getFeatures: return .of(device.offeredFeatures | Feature.protocolFeatures)
    case .getProtocolFeatures: return .of(ProtocolFeatures.offered.rawValue)
    case .getQueueCount: return .of(UInt64(device.ringCount))
    case .getMemorySlots: return .of(UInt64(Limit.memorySlots))
    case .getStatus: return .of(currentStatus)
    case .getConfiguration: return try readConfiguration(payload)
    case .getRingBase: return try stopRing(payload)
    case .setFeatures: try setFeatures(payload)
    case .setProtocolFeatures: try setProtocolFeatures(payload)
    case .setStatus: try setStatus(payload)
    case .setConfiguration: try writeConfiguration(payload)
    case .resetDevice: resetDevice()
    case .setMemoryTable: try setMemoryTable(message)
    case .addMemoryRegion: try addMemoryRegion(message)
    case .removeMemoryRegion: try removeMemoryRegion(message)
    case .setRingSize: try setRingSize(payload)
    case .setRingAddresses: try setRingAddresses(payload)
    case .setRingBase: try setRingBase(payload)
    case .setRingEnable: try setRingEnable(payload)
    case .setRingKick: try setRingKick(message)
    case .setRingCall: try setRingCall(message)
    case .setRingError: try setRingError(message)
    // Ownership means nothing to this device, and dropping it must not disturb anything (VU-045).
    case .setOwner, .resetOwner: break
    default: throw Refused("it is not offered")
    }
    return nil
  }
}

extension Request {
  /// The payload that answers a refused request, nil when the front-end waits for nothing (VU-026).
  fileprivate func refusal(of message: Message) -> [UInt8]? {
    switch row.refusal {
    case .acknowledgement: message.needsReply ? .of(UInt64(1)) : nil
    case .number(let number): .of(number)
    case .zeros(let count): [UInt8](repeating: 0, count: count)
    case .ring: RingNumber(index: message.payload.number(UInt32.self, at: 0) ?? 0, number: 0).encoded
    }
  }
}
