// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
package import VhostUser
package import Virtqueue

/// A virtio device that does nothing but write down what a session asks of it.
package final class ScriptedDevice: VhostDevice {
  package enum Call: Equatable {
    case accept(UInt64)
    case memory(regions: Int)
    case memoryLost
    case start(Int, size: UInt32, base: UInt16, enabled: Bool)
    case enable(Int, Bool)
    case stop(Int)
    case kick(Int, Bool)
    case call(Int, Bool)
    case error(Int, Bool)
    case reset
    case teardown
  }

  /// Everything asked so far, in order.
  package var calls: [Call] = []
  /// The first thing that a session must never ask of a device, nil for none.
  package private(set) var violation: String?
  /// What each running ring was started with.
  package var running: [Int: RingSetup] = [:]
  package var memory = GuestMemory.empty

  package var offeredFeatures: UInt64 = 1 << 32 | 1 << 29 | 1 << 28 | 1 << 24
  package var ringCount = 4
  package var needsReset = false
  /// Thrown by every start.
  package var startFailure: RingError?
  /// What a stop answers for each ring.
  package var bases: [UInt16] = [100, 101, 102, 103]
  /// The bytes of the configuration space; zeros follow.
  package var space: [UInt8] = [0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]

  package init() {}

  /// Forgets the calls so far and gives them.
  package func takeCalls() -> [Call] {
    defer { calls = [] }
    return calls
  }

  package func configuration(offset: Int, count: Int) -> [UInt8] {
    (offset..<offset + count).map { $0 < space.count ? space[$0] : 0 }
  }

  package func accept(features: UInt64) { calls.append(.accept(features)) }

  package func replaceMemory(_ memory: GuestMemory) {
    self.memory = memory
    calls.append(.memory(regions: memory.regions.count))
  }

  package func memoryWasLost() { calls.append(.memoryLost) }

  package func startRing(_ index: Int, _ setup: RingSetup) throws(RingError) {
    if running[index] != nil { violate("ring \(index) was started twice") }
    if setup.size == 0 || setup.size > 32768 { violate("ring \(index) has \(setup.size) entries") }
    if let startFailure { throw startFailure }
    running[index] = setup
    calls.append(.start(index, size: setup.size, base: setup.base, enabled: setup.enabled))
  }

  package func enableRing(_ index: Int, _ enabled: Bool) {
    needRunning(index)
    calls.append(.enable(index, enabled))
  }

  package func stopRing(_ index: Int) -> UInt16 {
    needRunning(index)
    running[index] = nil
    calls.append(.stop(index))
    return bases[index]
  }

  package func replaceKick(_ index: Int, _ kick: Descriptor?) {
    needRunning(index)
    running[index]?.kick = kick
    calls.append(.kick(index, kick != nil))
  }

  package func replaceCall(_ index: Int, _ call: Descriptor?) {
    needRunning(index)
    running[index]?.call = call
    calls.append(.call(index, call != nil))
  }

  package func replaceError(_ index: Int, _ error: Descriptor?) {
    needRunning(index)
    running[index]?.error = error
    calls.append(.error(index, error != nil))
  }

  private func needRunning(_ index: Int) {
    if running[index] == nil { violate("ring \(index) does not run") }
  }

  private func violate(_ text: String) { violation = violation ?? text }

  package func reset() {
    running = [:]
    calls.append(.reset)
  }

  package func teardown() {
    running = [:]
    memory = .empty
    calls.append(.teardown)
  }
}
