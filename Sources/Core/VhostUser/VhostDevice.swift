// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform
package import Virtqueue

/// Everything a ring needs to run; addresses are the front-end's (VU-051).
package struct RingSetup {
  package var size: UInt32
  /// Next index of the avail ring (VU-071).
  package var base: UInt16
  package var descriptorTable: UInt64
  package var availRing: UInt64
  package var usedRing: UInt64
  /// Readable when the guest kicks; nil: the ring is to be polled (VU-076).
  package var kick: Descriptor?
  /// Tells the guest about used buffers; nil: the guest polls.
  package var call: Descriptor?
  /// Signalled when the ring breaks (VU-078).
  package var error: Descriptor?
  package var enabled: Bool

  package init(
    size: UInt32, base: UInt16, descriptorTable: UInt64, availRing: UInt64, usedRing: UInt64,
    kick: Descriptor?, call: Descriptor?, error: Descriptor?, enabled: Bool
  ) {
    self.size = size
    self.base = base
    self.descriptorTable = descriptorTable
    self.availRing = availRing
    self.usedRing = usedRing
    self.kick = kick
    self.call = call
    self.error = error
    self.enabled = enabled
  }
}

/// Why a ring cannot run as it was set up.
package struct RingError: Error, Equatable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// The virtio device that a vhost-user session drives.
///
/// Every call comes from the control thread, and its effect is complete when it returns (VU-009). None
/// waits for a guest, an audio server or a plugin (VU-010).
package protocol VhostDevice: AnyObject {
  /// Virtio features, without bit 30 (VS-011).
  var offeredFeatures: UInt64 { get }
  var ringCount: Int { get }
  /// Serves `count` bytes of the configuration space from `offset`; zero beyond its end (VU-152).
  func configuration(offset: Int, count: Int) -> [UInt8]
  /// The features that a valid SET_FEATURES accepted, bit 30 removed.
  func accept(features: UInt64)
  /// Swaps the guest's memory; rings that run are re-addressed, those that lost theirs are paused.
  func replaceMemory(_ memory: GuestMemory)
  /// Pages of some mapping were lost, perhaps of this guest's memory (VU-059).
  func memoryWasLost()
  /// Lets ring `index` run (VU-081). It may be started again at once after ``stopRing(_:)``.
  func startRing(_ index: Int, _ setup: RingSetup) throws(RingError)
  /// Only for rings that run; the others are told with their start (VU-083 to VU-085).
  func enableRing(_ index: Int, _ enabled: Bool)
  /// Stops ring `index`; no access and no signal comes after the return (VU-086).
  ///
  /// - Returns: the next index of the avail ring, consistent with the used ring (VU-087).
  func stopRing(_ index: Int) -> UInt16
  /// Replaces one of the eventfds of a running ring (VU-075, VU-076).
  func replaceKick(_ index: Int, _ kick: Descriptor?)
  func replaceCall(_ index: Int, _ call: Descriptor?)
  func replaceError(_ index: Int, _ error: Descriptor?)
  /// RESET_DEVICE, SET_STATUS 0: the initial state; rings are stopped, memory stays (VU-134).
  func reset()
  /// Whether the device gave up and needs a reset (VU-140).
  var needsReset: Bool { get }
  /// The front-end is gone: rings stop, memory and descriptors are let go of, host streams end (VU-192).
  ///
  /// The last call; the next connection gets a device of its own.
  func teardown()
}
