// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Logging
import Platform
import Sound
import VhostUser
import Virtqueue

/// The control and the event queue.
extension SoundCard {
  /// The bytes of a bare status (VS-025).
  static func bytes(of status: ControlStatus) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: status.rawValue >> (8 * UInt32($0))) }
  }

  // MARK: Control queue

  /// Executes the requests that wait, at most a ring full at a time (VS-193).
  func serveControl() {
    guard let ring = messages[QueueIndex.control] else { return }
    isServingControl = true
    defer { isServingControl = false }
    var rest = ring.size
    do throws(RingFault) {
      while rest > 0 {
        guard let message = try ring.next() else {
          if !ring.wantKicks() { break }
          continue
        }
        rest -= 1
        execute(message, on: ring)
      }
    } catch { return broke(QueueIndex.control, error) }
    publish(QueueIndex.control)
    if rest == 0 { loop.post { [weak self] in self?.serve(QueueIndex.control) } }
  }

  private func execute(_ message: MessageRing.Message, on ring: MessageRing) {
    guard message.fault == nil else {
      // VS-190: a malformed chain is answered once, with a status where it fits.
      return answer(ControlAnswer(.badMessage), to: message, on: ring)
    }
    switch description.request(message.bytes, room: message.chain.writableBytes) {
    case .answer(let answer): self.answer(answer, to: message, on: ring)
    case .command(let command, let stream): perform(command, nil, stream, message, ring)
    case .setParameters(let parameters, let stream):
      perform(.setParameters, parameters, stream, message, ring)
    }
  }

  private func perform(
    _ command: PCMCommand, _ parameters: PCMParameters?, _ stream: Int, _ message: MessageRing.Message,
    _ ring: MessageRing
  ) {
    streams[stream].perform(command, parameters) { [weak self] status in
      guard let self, self.messages[QueueIndex.control] === ring else { return }
      self.answer(ControlAnswer(status), to: message, on: ring)
      if !self.isServingControl { self.publish(QueueIndex.control) }
    }
  }

  /// Writes items, then the status, then hands the chain back (VS-025, VS-026, VS-029).
  private func answer(_ answer: ControlAnswer, to message: MessageRing.Message, on ring: MessageRing) {
    guard !ring.isPaused else { return heldAnswers.append((answer, message)) }
    guard message.chain.writableBytes >= 4 else {
      log.warning("a control request has no room for its status")
      return ring.complete(message, length: 0)
    }
    var offset: UInt32 = 4
    for item in answer.items {
      ring.write(Array(item.prefix(Int(answer.stride))), at: offset, to: message)
      ring.fillZeros(
        from: offset + UInt32(min(item.count, Int(answer.stride))), to: offset + answer.stride, of: message)
      offset += answer.stride
    }
    ring.write(Self.bytes(of: answer.status), at: 0, to: message)
    ring.complete(message, length: UInt32(answer.length))
  }

  /// The memory of the guest is another: gives the answers that waited for that of the ring (VU-058).
  func giveHeldAnswers() {
    guard let ring = messages[QueueIndex.control], !ring.isPaused else { return }
    let held = heldAnswers
    heldAnswers = []
    for (answer, message) in held { self.answer(answer, to: message, on: ring) }
    publish(QueueIndex.control)
  }

  /// Shows the guest what a message ring has completed, and notifies it.
  func publish(_ index: Int) {
    guard let ring = messages[index], ring.publish(), let call = rings[index].setup?.call else { return }
    if vsnd_eventfd_signal(call.raw) != 0 {
      log.warning("ring \(index): its call descriptor is unusable and not used any more")
      rings[index].setup?.call = nil
    }
  }

  // MARK: Event queue

  /// Sends the events that the guest has not heard of, as far as it has given buffers (VS-142…147).
  func sendEvents() {
    let index = QueueIndex.event
    guard let ring = messages[index], rings[index].isLive, !rings[index].isBroken else { return }
    // A guest may fill in buffers of no use as fast as they come back (VS-193).
    var rest = ring.size
    do throws(RingFault) {
      while rest > 0, let stream = unheardXruns.min() {
        guard let message = try ring.next() else {
          // A kick will tell of new buffers; without events nobody needs to know of them.
          if ring.wantKicks() { continue }
          break
        }
        rest -= 1
        guard message.fault == nil, message.chain.writableBytes >= EventCode.size else {
          ring.complete(message, length: 0)
          continue
        }
        let event = [EventCode.xrun, UInt32(stream)]
        let bytes = event.flatMap { value in
          (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
        }
        ring.write(bytes, at: 0, to: message)
        ring.complete(message, length: EventCode.size)
        unheardXruns.remove(stream)
      }
      if unheardXruns.isEmpty { ring.refuseKicks() }
    } catch { return broke(index, error) }
    publish(index)
    if rest == 0 { loop.post { [weak self] in self?.serve(index) } }
  }
}
