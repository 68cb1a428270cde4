// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CJACK
import CLibc
import PluginKit
import Synchronization

/// What JACK's callbacks and the client's thread share; without a lock, at a fixed address.
@safe
struct Shared: ~Copyable {
  /// One for each stream of a card.
  let lanes: UnsafeMutablePointer<Lane>
  /// The longest cycle that the daemon was told of, in frames; 0: the stream is not open.
  let periods: UnsafeMutablePointer<Atomic<UInt32>>
  /// Lanes in use, from the first on.
  let used = Atomic<Int>(0)
  /// Calls of process.
  let cycles = Atomic<UInt32>(0)
  /// False while the graph runs without a clock, as fast as it can: not by the guest's, so nothing flows.
  let flows = Atomic<Bool>(true)
  /// Ports, connections, latencies or the length of a cycle are other ones.
  let changed = Atomic<Bool>(true)
  let isShutDown = Atomic<Bool>(false)
  /// Wakes the client's thread.
  private let wake: Int32

  init(wake: Int32) {
    self.wake = wake
    unsafe lanes = .allocate(capacity: Int(Client.lanes))
    unsafe periods = .allocate(capacity: Int(Client.lanes))
    for index in 0..<Int(Client.lanes) {
      unsafe (lanes + index).initialize(to: Lane())
      unsafe (periods + index).initialize(to: Atomic(0))
    }
  }

  deinit {
    unsafe lanes.deinitialize(count: Int(Client.lanes))
    unsafe lanes.deallocate()
    unsafe periods.deinitialize(count: Int(Client.lanes))
    unsafe periods.deallocate()
  }

  /// One cycle of the graph.
  @_noAllocation @_noLocks
  func process(_ frames: Int) {
    let flows = flows.load(ordering: .relaxed)
    for index in 0..<used.load(ordering: .acquiring) { unsafe lanes[index].process(frames, flows: flows) }
    cycles.add(1, ordering: .releasing)
  }

  /// Wakes the thread, which looks what is different.
  func noteChange() {
    changed.store(true, ordering: .releasing)
    _ = eventfd_write(wake, 1)
  }

  /// A cycle has `frames` frames from now on.
  func resized(_ frames: UInt32) {
    for index in 0..<Int(Client.lanes) {
      let known = unsafe periods[index].load(ordering: .relaxed)
      if known > 0, frames > known { unsafe lanes[index].outgrown.store(true, ordering: .relaxed) }
    }
    noteChange()
  }

  /// The server was late by `frames` frames.
  func lost(_ frames: UInt32) {
    for index in 0..<used.load(ordering: .acquiring) {
      unsafe lanes[index].lost.store(max(1, frames), ordering: .relaxed)
    }
  }
}
