// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
import CPlatform
package import Logging
package import Platform
package import Sound
import Synchronization
import VhostUser
import Virtqueue

/// The virtio sound card: four rings, and streams that the host plays and records.
///
/// Lives on the control thread, for the life of the daemon; one front-end after the other drives it.
@safe
package final class SoundCard: @unchecked Sendable {
  package let description: CardDescription
  let loop: any ControlLoop
  var log: Logger

  var streams: [CardStream] = []
  /// tx and rx.
  let queues: [UnsafeMutablePointer<TransferQueue>]
  /// Control and event ring, while they run.
  var messages: [MessageRing?] = [nil, nil]
  var rings: [RingState] = (0..<QueueIndex.count).map { _ in RingState() }
  /// Streams whose xrun the guest has not heard of (VS-145).
  var unheardXruns: Set<Int> = []
  /// Answers for which the control ring was not there.
  var heldAnswers: [(ControlAnswer, MessageRing.Message)] = []
  /// Several requests are being executed: their answers are shown together.
  var isServingControl = false

  var features: UInt64 = 0
  var memory = GuestMemory.empty
  /// Snapshots that a hung audio context may still use.
  var oldMemory: [GuestMemory] = []
  private var watch: (any Watching)?

  /// - Parameters:
  ///   - host: makes the host's side of a stream; called once for each.
  ///   - attention: an eventfd that audio contexts use to wake the control thread.
  package init(
    _ description: CardDescription, loop: any ControlLoop, log: Logger, attention: Descriptor?,
    host: (Int, StreamOffer, UnsafeMutablePointer<Feed>) throws -> any StreamHost
  ) throws {
    self.description = description
    self.loop = loop
    self.log = log
    unsafe queues = [false, true].map { isCapture in
      let queue = UnsafeMutablePointer<TransferQueue>.allocate(capacity: 1)
      unsafe queue.initialize(to: TransferQueue(isCapture: isCapture, streamCount: description.offers.count))
      unsafe queue.pointee.attention.store(attention?.raw ?? -1, ordering: .relaxed)
      return unsafe queue
    }
    for (id, offer) in description.offers.enumerated() {
      let queue = unsafe queues[offer.direction == .output ? 0 : 1]
      let feed = UnsafeMutablePointer<Feed>.allocate(capacity: 1)
      unsafe feed.initialize(to: Feed(queue: queue))
      unsafe queue.pointee.attach(feed, stream: id)
      let stream = try unsafe CardStream(
        id: id, offer: offer, feed: feed, queue: queue, host: host(id, offer, feed), loop: loop, log: log)
      stream.flowChanged = { [weak self] in unsafe self?.flowChanged(of: id, on: queue) }
      streams.append(stream)
    }
    guard let attention else { return }
    watch = loop.watch(attention) { [weak self] in
      self?.look()
    } onBroken: { [weak self] why in
      self?.log.error("audio contexts cannot wake the control thread any more: \(why)")
    }
  }

  /// Lets go of what the rings had.
  ///
  /// Queues and feeds themselves stay: an audio context may hang in one.
  deinit {
    for offset in unsafe queues.indices { unsafe queues[offset].pointee.abandon() }
  }

  private func flowChanged(of stream: Int, on queue: UnsafeMutablePointer<TransferQueue>) {
    // VS-147: of a stream that does not run no xrun is told, nor later.
    if streams[stream].state != .running { unheardXruns.remove(stream) }
    // The guest kicks only while nobody looks at the ring by itself.
    let flows = streams.contains { unsafe $0.queue == queue && $0.flows }
    unsafe queue.pointee.wantsKicks.store(!flows, ordering: .releasing)
    unsafe queue.pointee.service()
  }

  /// An audio context saw something exceptional: an xrun, a broken ring, or more work than fits one go.
  private func look() {
    for stream in streams where unsafe stream.feed.pointee.xrunSeen.exchange(false, ordering: .acquiring) {
      if stream.state == .running, stream.parameters?.features.contains(.xrunEvents) == true {
        unheardXruns.insert(stream.id)
      }
    }
    for offset in unsafe queues.indices {
      let queue = unsafe queues[offset]
      let index = QueueIndex.transmit + offset
      let code = unsafe queue.pointee.fault.load(ordering: .acquiring)
      if let fault = RingFault.allCases.first(where: { $0.code == code }) { broke(index, fault) }
      unsafe queue.pointee.service()
    }
    sendEvents()
  }

  /// Reports a ring that cannot go on; everything else does (VS-191, VU-078).
  func broke(_ index: Int, _ fault: RingFault) {
    guard !rings[index].isBroken else { return }
    rings[index].isBroken = true
    log.error("ring \(index) is stopped until the guest sets it up again: \(fault)")
    if let error = rings[index].setup?.error { _ = vsnd_eventfd_signal(error.raw) }
  }

  /// The front-end is gone: nothing of its guest stays here (VU-192).
  package func teardown() {
    for index in 0..<QueueIndex.count { _ = stopRing(index) }
    reset()
    replaceMemory(.empty)
    features = 0
  }
}

/// What is known of one ring.
struct RingState {
  /// How it runs, with its descriptors as they are now; nil while it is stopped (VU-089).
  var setup: RingSetup?
  /// Of its kicks.
  var watch: (any Watching)?
  var isPolled = false
  var isBroken = false
  /// How it was left at the last stop; nil before the first one and after a reset (VU-132).
  var left: RingLeft?

  var runs: Bool { setup != nil }
  /// Whether it takes buffers.
  var isLive: Bool { setup?.enabled == true }
}

/// Where a ring stood when it was stopped.
struct RingLeft: Equatable {
  var base: UInt16
  var addresses: [UInt64]
}
