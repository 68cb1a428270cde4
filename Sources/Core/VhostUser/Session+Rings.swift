// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Virtqueue

// Setting up, starting and stopping rings (VU sections 6 and 7).

extension Session {
  func setRingSize(_ payload: [UInt8]) throws(Refused) {
    let (index, size) = try ringNumber(payload)
    guard size > 0, size <= Limit.ringSize, size & (size - 1) == 0 else {
      throw Refused("\(size) entries are not possible")
    }
    if rings[index].isStarted {
      guard rings[index].size == size else { throw Refused("ring \(index) runs") }
      return
    }
    rings[index].size = size
    startIfReady(index)
  }

  func setRingAddresses(_ payload: [UInt8]) throws(Refused) {
    guard var addresses = RingAddresses(payload) else { throw Refused("it is too short") }
    let index = try ringIndex(addresses.index)
    // Nothing is logged: front-ends fill these in anyway (VU-072).
    addresses.flags = 0
    addresses.log = 0
    let table = memory.memory.regions.isEmpty ? nil : memory
    if let problem = addresses.problem(rings[index].size ?? 1, table) { throw Refused(problem) }
    if rings[index].isStarted {
      if rings[index].addresses == addresses { return }
      rings[index].base = device.stopRing(index)
      rings[index].isStarted = false
    }
    rings[index].addresses = addresses
    startIfReady(index)
  }

  func setRingBase(_ payload: [UInt8]) throws(Refused) {
    let (index, number) = try ringNumber(payload)
    guard let base = UInt16(exactly: number) else { throw Refused("\(number) is no index of a ring") }
    if rings[index].isStarted {
      if rings[index].base == base { return }
      // Any order is allowed (VU-073); a ring that was not enabled yet has done nothing so far.
      guard !rings[index].isEnabled else { throw Refused("ring \(index) runs") }
      _ = device.stopRing(index)
      rings[index].isStarted = false
    }
    rings[index].base = base
    startIfReady(index)
  }

  func setRingEnable(_ payload: [UInt8]) throws(Refused) {
    let (index, number) = try ringNumber(payload)
    guard number <= 1 else { throw Refused("\(number) is neither 0 nor 1") }
    guard let features, features & Feature.protocolFeatures != 0 else {
      throw Refused("PROTOCOL_FEATURES was not negotiated")
    }
    rings[index].isEnabled = number == 1
    if rings[index].isStarted { device.enableRing(index, number == 1) }
  }

  func setRingKick(_ message: Message) throws(Refused) {
    let (index, descriptor) = try ringDescriptor(message)
    rings[index].kick = .told(descriptor)
    if rings[index].isStarted { device.replaceKick(index, descriptor) } else { startIfReady(index) }
  }

  func setRingCall(_ message: Message) throws(Refused) {
    let (index, descriptor) = try ringDescriptor(message)
    rings[index].call = descriptor
    if rings[index].isStarted { device.replaceCall(index, descriptor) }
  }

  func setRingError(_ message: Message) throws(Refused) {
    let (index, descriptor) = try ringDescriptor(message)
    rings[index].error = descriptor
    if rings[index].isStarted { device.replaceError(index, descriptor) }
  }

  /// GET_VRING_BASE, answered for any ring in any state (VU-086, VU-090).
  func stopRing(_ payload: [UInt8]) throws(Refused) -> [UInt8] {
    let (index, _) = try ringNumber(payload)
    let base = rings[index].isStarted ? device.stopRing(index) : rings[index].base
    rings[index].stop(at: base)
    return RingNumber(index: UInt32(index), number: UInt32(base)).encoded
  }

  func startReadyRings() {
    for index in rings.indices { startIfReady(index) }
  }

  /// Starts a ring for which everything is there (VU-073, VU-081).
  private func startIfReady(_ index: Int) {
    guard features != nil, !rings[index].isStarted, let setup = rings[index].setup,
      let addresses = rings[index].addresses
    else { return }
    if let problem = addresses.problem(setup.size, memory) {
      return log(.debug, "ring \(index) cannot start yet: \(problem)")
    }
    do {
      try device.startRing(index, setup)
      rings[index].isStarted = true
      log(.debug, "ring \(index) started with \(setup.size) entries at \(setup.base)")
    } catch {
      log(.warning, "ring \(index) cannot start: \(error.description)")
      setup.error?.signal()
    }
  }

  private func ringIndex(_ index: UInt32) throws(Refused) -> Int {
    guard index < UInt32(rings.count) else { throw Refused("there is no ring \(index)") }
    return Int(index)
  }

  private func ringNumber(_ payload: [UInt8]) throws(Refused) -> (index: Int, number: UInt32) {
    guard let state = RingNumber(payload) else { throw Refused("it is too short") }
    return (try ringIndex(state.index), state.number)
  }

  private func ringDescriptor(_ message: Message) throws(Refused) -> (index: Int, Descriptor?) {
    guard let told = RingDescriptor(message.payload) else { throw Refused("it is too short") }
    let index = try ringIndex(told.index)
    guard message.descriptors.isEmpty == told.isWithout else {
      throw Refused(told.isWithout ? "a descriptor came with it" : "no descriptor came with it")
    }
    guard let descriptor = message.descriptors.first else { return (index, nil) }
    do {
      // Whatever it is, it must not make anybody wait (VU-077).
      try descriptor.setNonBlocking()
    } catch {
      throw Refused("its descriptor is of no use: \(error)")
    }
    return (index, descriptor)
  }
}
