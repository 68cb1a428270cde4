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
  ///   - rate: frames in a second.
  ///   - silentSample: the bytes of one silent sample.
  ///   - bounceFrames: on capture, lend memory of the daemon's, this many frames at once; 0: lend guest memory.
  package func prepare(
    frameBytes: UInt32, rate: UInt32, silentSample: [UInt8], bounceFrames: UInt32
  ) {
    unsafe lane.pointee.prepare(
      frameBytes: frameBytes, rate: rate, silentSample: silentSample, bounceFrames: bounceFrames,
      loanInUse: hasStaleLoan)
    committed.store(0, ordering: .relaxed)
    xrunSeen.store(false, ordering: .relaxed)
    inXrun.store(false, ordering: .relaxed)
    accepting.store(true, ordering: .releasing)
  }

  /// Returns everything the guest gave this stream, also what nobody popped yet (VS-130…133); held.
  ///
  /// - Parameter closing: take no buffers any more, until ``prepare(frameBytes:silentSample:bounceFrames:)``.
  package func flush(closing: Bool) {
    unsafe queue.pointee.exclusive { ring in
      unsafe ring.pointee.drainAll(queue.pointee)
      let view = unsafe queue.pointee.view.pointee
      while unsafe lane.pointee.loadFront(view) { unsafe lane.pointee.flushFront(view) }
      unsafe lane.pointee.reset(loanInUse: hasStaleLoan)
      if closing { accepting.store(false, ordering: .releasing) }
      unsafe queue.pointee.collect()
      unsafe queue.pointee.finish()
    }
  }

  // The queue calls these, not the lane: a call through the feed's pointer must only read the feed.

  func rewindLast() { unsafe lane.pointee.rewindLast() }

  func carryRest(_ view: TransferView) { unsafe lane.pointee.carryRest(view, loanInUse: hasStaleLoan) }

  /// The device was reset: nothing of the guest's is left here; held, and its ring is stopped.
  package func reset() {
    accepting.store(false, ordering: .releasing)
    unsafe lane.pointee.reset(loanInUse: hasStaleLoan)
    xrunSeen.store(false, ordering: .relaxed)
  }
}

extension Lane {
  /// Control thread: hands the front chain back as it is.
  ///
  /// The rest of a recording becomes silence, since its length counts the status too (VS-115). A buffer
  /// that nothing was recorded into is left alone: of one that a START left behind when it failed, the guest
  /// may have freed the pages (VS-084).
  mutating func flushFront(_ view: TransferView) {
    let recorded = front.consumed
    if isCapture, recorded > 0 {
      fillSilence(front.remaining &+ front.tail, view)
      front.consumed = recorded
    }
    front.tail = 0
    finishFront(latency: 0, view)
  }

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
  mutating func carryRest(_ view: TransferView, loanInUse: Bool) {
    while loadFront(view) {
      let rest = front.remaining
      if rest > 0, isCapture {
        fillSilence(rest, view)
      } else if rest > 0 {
        // SAFETY: extend() returns room for `rest` bytes.
        unsafe front.read(carry.extend(rest, &attic, inUse: loanInUse), rest, view)
      }
      finishFront(latency: 0, view)
    }
  }
}
