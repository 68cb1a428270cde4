// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Synchronization
package import Virtqueue

/// What the control thread does with a queue; all feeds of the queue are held meanwhile.
extension TransferQueue {
  /// Whether a ring runs.
  package var isRunning: Bool { unsafe exclusive { unsafe $0.pointee.isRunning() } }

  /// Lets the ring run (VU-081).
  package func start(_ layout: RingLayout, base: UInt16, memory: GuestMemory) throws(RingFault) {
    var split: SplitRing? = try SplitRing(layout, base: base, memory: memory)
    fault.store(0, ordering: .releasing)
    unsafe exclusive { ring in
      guard let new = split.take() else { return }
      unsafe forEachFeed { unsafe $0.pointee.resize(layout.size) }
      unsafe view.pointee = unsafe ring.pointee.start(new, memory: memory.guestView)
    }
  }

  /// Stops the ring: after the return it is not touched and nobody is notified (VU-086).
  ///
  /// Unfinished chains at the end of the avail ring are given back, to be popped again; older ones are
  /// completed, what they had to play is kept (VU-087, VU-088). When the ring's memory is gone nothing can
  /// be completed: whatever the guest has not seen in the used ring is taken again after the next start.
  ///
  /// - Returns: the next avail index, equal to the used index.
  package func suspend() -> UInt16 {
    unsafe exclusive { ring in
      guard unsafe ring.pointee.isRunning() else {
        unsafe forget(ring)
        return unsafe ring.pointee.lastBase
      }
      collect()
      unsafe ring.pointee.rewind { record in
        if let feed = unsafe feed(record.stream) { unsafe feed.pointee.rewindLast() }
      }
      let current = unsafe view.pointee
      unsafe forEachFeed { unsafe $0.pointee.carryRest(current) }
      collect()
      finish()
      unsafe ring.pointee.stop()
      unsafe view.pointee = .empty
      return unsafe ring.pointee.lastBase
    }
  }

  /// Forgets the ring without touching its memory: the guest reset it, or it is broken.
  package func abandon() {
    unsafe exclusive { ring in unsafe forget(ring) }
  }

  private func forget(_ ring: UnsafeMutablePointer<TransferRing>) {
    unsafe ring.pointee.stop()
    unsafe forEachFeed { unsafe $0.pointee.resize(1) }
    unsafe view.pointee = .empty
  }

  /// Finds everything in another snapshot of memory; a ring that is not there is paused (VU-054, VU-058).
  package func move(to memory: GuestMemory) {
    unsafe exclusive { ring in unsafe view.pointee = unsafe ring.pointee.move(to: memory) }
  }

  private func forEachFeed(_ body: (UnsafeMutablePointer<Feed>) -> Void) {
    for id in 0..<Int(feedCount) {
      // SAFETY: id is below the count of feeds.
      if let feed = unsafe feeds[id] { unsafe body(feed) }
    }
  }
}
