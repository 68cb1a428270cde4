// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Synchronization
import Virtqueue

/// What the control thread does with a feed; the audio context is held out meanwhile.
extension Feed {
  /// Keeps audio contexts out: the stream stands still, its buffers stay (VS-117).
  package func hold() { gate.hold() }

  /// Lets the audio context in again.
  package func unhold() { gate.unhold() }

  /// Whether a hung audio context may still use a loan that was taken back; its memory must stay mapped.
  package var hasStaleLoan: Bool { gate.stale.load(ordering: .acquiring) }

  /// Makes the feed ready for a stream of this shape and lets it take buffers; the feed is held.
  ///
  /// - Parameters:
  ///   - frameBytes: 1...144.
  ///   - silentSample: the bytes of one silent sample.
  ///   - bounceFrames: lend memory of the daemon's, this many frames at once; 0: lend guest memory.
  package func prepare(frameBytes: UInt32, silentSample: [UInt8], bounceFrames: UInt32) {
    unsafe lane.pointee.prepare(
      frameBytes: frameBytes, silentSample: silentSample, bounceFrames: bounceFrames,
      loanInUse: hasStaleLoan)
    committed.store(0, ordering: .relaxed)
    xrunSeen.store(false, ordering: .relaxed)
    accepting.store(true, ordering: .releasing)
  }

  /// Returns everything the guest gave this stream, also what nobody popped yet (VS-130…133); held.
  ///
  /// - Parameter closing: take no buffers any more, until ``prepare(frameBytes:silentSample:bounceFrames:)``.
  package func flush(closing: Bool) {
    unsafe queue.pointee.exclusive { ring in
      unsafe ring.pointee.drain(queue.pointee)
      let view = unsafe queue.pointee.view.pointee
      while unsafe lane.pointee.loadFront(view) { unsafe lane.pointee.finishFront(latency: 0, view) }
      unsafe lane.pointee.reset()
      if closing { accepting.store(false, ordering: .releasing) }
      unsafe queue.pointee.collect()
      unsafe queue.pointee.finish()
    }
    unsafe queue.pointee.service()
  }

  /// The device was reset: nothing of the guest's is left here; held, and its ring is stopped.
  package func reset() {
    accepting.store(false, ordering: .releasing)
    unsafe lane.pointee.reset()
    xrunSeen.store(false, ordering: .relaxed)
  }
}

extension Lane {
  /// Control thread: takes back the newest waiting head; it goes on where it was when it returns (VU-087).
  mutating func rewindLast() {
    let count = unsafe pending.pointee.count()
    if count == 1, front.loaded {
      resumeBytes = front.consumed
      front.loaded = false
    }
    if count > 0 { unsafe pending.pointee.removeLast() }
  }

  /// Control thread: finishes what cannot be given back, since newer chains are used already.
  ///
  /// What was to be played is saved and plays first after a restart; what was to be recorded is silence.
  mutating func carryRest(_ view: TransferView) {
    while loadFront(view) {
      let rest = front.remaining
      if rest > 0, isCapture {
        fillSilence(rest, view)
      } else if rest > 0 {
        // SAFETY: extend() returns room for `rest` bytes.
        unsafe front.read(carry.extend(rest), rest, view)
      }
      finishFront(latency: 0, view)
    }
  }
}
