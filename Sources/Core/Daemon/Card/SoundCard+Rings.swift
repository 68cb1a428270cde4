// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Logging
package import Platform
import Sound
import Synchronization
package import VhostUser
package import Virtqueue

extension SoundCard: VhostDevice {
  package var offeredFeatures: UInt64 { DeviceFeature.offered }
  package var ringCount: Int { QueueIndex.count }
  package var needsReset: Bool { rings.contains { $0.isBroken } }

  package func configuration(offset: Int, count: Int) -> [UInt8] {
    let bytes = description.configuration
    return (offset..<offset + count).map { $0 < bytes.count ? bytes[$0] : 0 }
  }

  package func accept(features: UInt64) { self.features = features }

  // MARK: Start and stop

  package func startRing(_ index: Int, _ setup: RingSetup) throws(RingError) {
    guard rings.indices.contains(index) else { throw RingError("there is no ring \(index)") }
    guard !memory.isDamaged else { throw RingError("ring \(index) cannot start: \(RingFault.memoryLost)") }
    _ = stopRing(index)
    let layout = RingLayout(
      size: setup.size, descriptorTable: setup.descriptorTable, availRing: setup.availRing,
      usedRing: setup.usedRing, eventIndex: features & DeviceFeature.eventIndex != 0,
      indirect: features & DeviceFeature.indirectDescriptors != 0,
      notifyOnEmpty: features & DeviceFeature.notifyOnEmpty != 0)
    do throws(RingFault) {
      if try !isResumed(index, setup, layout) { resetStreams() }
      try run(index, layout, setup.base)
    } catch { throw RingError("ring \(index) cannot start: \(error)") }

    rings[index].setup = setup
    rings[index].setup?.enabled = false
    rings[index].isBroken = false
    replaceCall(index, setup.call)
    replaceKick(index, setup.kick)
    enableRing(index, setup.enabled)
  }

  /// Tells a guest that goes on from one that was reset: the messages are the same (VU-130…133).
  private func isResumed(_ index: Int, _ setup: RingSetup, _ layout: RingLayout) throws(RingFault) -> Bool {
    guard let left = rings[index].left else { return true }
    let probe = try SplitRing(layout, base: setup.base, memory: memory)
    return left == RingLeft(base: setup.base, addresses: setup.addresses) && probe.nextUsed == left.base
  }

  /// The guest turns out to be another: rings that it has started already go on, with nothing of the old one.
  private func resetStreams() {
    log.info("the guest was reset")
    var started: [(index: Int, setup: RingSetup)] = []
    for index in rings.indices {
      guard var setup = rings[index].setup else { continue }
      setup.base = stopRing(index)
      started.append((index, setup))
    }
    reset()
    for (index, setup) in started {
      do throws(RingError) { try startRing(index, setup) } catch { log.error("\(error)") }
    }
  }

  private func run(_ index: Int, _ layout: RingLayout, _ base: UInt16) throws(RingFault) {
    switch index {
    case QueueIndex.control, QueueIndex.event:
      messages[index] = try MessageRing(layout, base: base, memory: memory)
    default:
      try unsafe queues[index - QueueIndex.transmit].pointee.start(layout, base: base, memory: memory)
    }
  }

  package func stopRing(_ index: Int) -> UInt16 {
    guard rings.indices.contains(index) else { return 0 }
    guard let setup = rings[index].setup else { return rings[index].left?.base ?? 0 }
    enableRing(index, false)
    // Kick and call come again at the next start (VU-089).
    rings[index].setup = nil
    rings[index].watch?.cancel()
    rings[index].watch = nil
    let base: UInt16
    if let ring = messages.indices.contains(index) ? messages[index] : nil {
      base = stopMessages(index, ring)
    } else {
      base = unsafe queues[index - QueueIndex.transmit].pointee.suspend()
    }
    rings[index].left = RingLeft(base: base, addresses: setup.addresses)
    setSignal(index, nil)
    return base
  }

  private func stopMessages(_ index: Int, _ ring: MessageRing) -> UInt16 {
    if index == QueueIndex.control {
      for stream in streams { stream.forgetRequests() }
      heldAnswers = []
    }
    messages[index] = nil
    return ring.finish(answering: Self.bytes(of: .ioError))
  }

  package func enableRing(_ index: Int, _ enabled: Bool) {
    guard rings.indices.contains(index), rings[index].runs else { return }
    rings[index].setup?.enabled = enabled
    if index >= QueueIndex.transmit {
      let queue = unsafe queues[index - QueueIndex.transmit]
      unsafe queue.pointee.enabled.store(enabled, ordering: .releasing)
      for stream in streams where unsafe stream.queue == queue { stream.ringIsLive = enabled }
    }
    if enabled { serve(index) }
  }

  package func reset() {
    for index in 0..<QueueIndex.count {
      _ = stopRing(index)
      rings[index].left = nil
      rings[index].isBroken = false
    }
    for stream in streams { stream.reset() }
    unheardXruns = []
  }

  // MARK: Memory

  package func replaceMemory(_ new: GuestMemory) {
    let flowing = streams.filter(\.flows)
    for stream in flowing { unsafe stream.feed.pointee.hold() }
    for offset in unsafe queues.indices { unsafe queues[offset].pointee.move(to: new) }
    for index in messages.indices {
      guard let ring = messages[index] else { continue }
      do throws(RingFault) {
        try ring.move(to: new)
      } catch {
        log.warning("ring \(index) is paused until its memory is there again")
      }
    }
    let stale = streams.contains { unsafe $0.feed.pointee.hasStaleLoan }
    oldMemory = stale ? oldMemory + [memory] : []
    memory = new
    for stream in flowing { unsafe stream.feed.pointee.unhold() }
    // What waited for a ring that is back.
    giveHeldAnswers()
    for index in messages.indices { serve(index) }
  }

  /// Stops all rings until there is other memory: the guest would not see what is written, nor be seen.
  package func memoryWasLost() {
    guard memory.isDamaged else { return }
    for index in rings.indices where rings[index].runs {
      if index >= QueueIndex.transmit {
        unsafe queues[index - QueueIndex.transmit].pointee.stop(for: .memoryLost)
      }
      broke(index, .memoryLost)
    }
  }

  // MARK: Descriptors

  package func replaceKick(_ index: Int, _ kick: Descriptor?) {
    guard rings.indices.contains(index), rings[index].runs else { return }
    rings[index].setup?.kick = kick
    rings[index].watch?.cancel()
    rings[index].watch = nil
    guard let kick else { return poll(index) }
    rings[index].watch = loop.watch(kick) { [weak self] in
      self?.serve(index)
    } onBroken: { [weak self] why in
      self?.log.warning("ring \(index): its kick descriptor is not used any more: \(why)")
    }
    // A kick may have been lost to the descriptor before (VU-076).
    serve(index)
  }

  /// Looks at a ring without a kick descriptor again and again, at a bounded rate (VU-076).
  private func poll(_ index: Int) {
    guard !rings[index].isPolled else { return }
    rings[index].isPolled = true
    loop.after(milliseconds: Self.pollPause) { [weak self] in
      guard let self else { return }
      rings[index].isPolled = false
      guard rings[index].runs, rings[index].watch == nil else { return }
      serve(index)
      poll(index)
    }
  }

  /// In milliseconds.
  private static var pollPause: Int { 5 }

  package func replaceCall(_ index: Int, _ call: Descriptor?) {
    guard rings.indices.contains(index), rings[index].runs else { return }
    setSignal(index, call)
    rings[index].setup?.call = call
    // A notification may have gone to the descriptor before (VU-075).
    if let call { _ = vsnd_eventfd_signal(call.raw) }
  }

  /// Tells audio contexts whom to notify; nobody is on the way to the old descriptor when this returns.
  private func setSignal(_ index: Int, _ call: Descriptor?) {
    guard index >= QueueIndex.transmit else { return }
    let queue = unsafe queues[index - QueueIndex.transmit]
    unsafe queue.pointee.exclusive { _ in
      unsafe queue.pointee.callSignal.store(call?.raw ?? -1, ordering: .relaxed)
    }
    unsafe queue.pointee.service()
  }

  package func replaceError(_ index: Int, _ error: Descriptor?) {
    guard rings.indices.contains(index) else { return }
    rings[index].setup?.error = error
  }

  /// Looks at a ring once: it was kicked, started or enabled.
  func serve(_ index: Int) {
    guard rings[index].isLive, !rings[index].isBroken else { return }
    switch index {
    case QueueIndex.control: serveControl()
    case QueueIndex.event: sendEvents()
    default: unsafe queues[index - QueueIndex.transmit].pointee.service()
    }
  }
}

extension RingSetup {
  /// The three addresses, by which a ring is known again.
  var addresses: [UInt64] { [descriptorTable, availRing, usedRing] }
}
