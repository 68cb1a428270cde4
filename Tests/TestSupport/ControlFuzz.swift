// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Sound
import Virtqueue

/// Sends control messages made from `bytes` through a ring to `card`.
///
/// Each chain must come back once, with a known status and no more than it has room for.
///
/// - Returns: a sentence on what went wrong, nil for nothing.
package func fuzzControl(_ bytes: UnsafeRawBufferPointer, card: CardDescription) -> String? {
  var input = FuzzBytes(Array(bytes))
  guard let guest = try? MemoryGuest(sizes: [1 << 18]) else { return nil }
  let ring = GuestRing(guest, size: 8, start: UInt16(input.next()) << 8)
  guard let device = try? MessageRing(ring.layout(), base: ring.nextAvail, memory: guest.memory) else {
    return "the ring does not start"
  }
  while !input.isAtEnd {
    let codes: [UInt32] = [1, 2, 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x200, 0x300, 0xFFFF_FFFF]
    var request = [UInt8].little(codes[Int(input.next()) % codes.count])
    for _ in 0..<Int(input.next() % 32) { request.append(input.next() & (input.next() & 1 == 0 ? 3 : 0xFF)) }
    let room = Int(input.next()) << Int(input.next() % 4)
    let cut = GuestRing.Cut.pieces([Int(input.next() % 40) + 1, 3, 17], gap: 1)
    let message = ring.send(
      [Array(request.prefix(Int(input.next() % 40)))], [.init(repeating: 0xEE, count: room)], cut: cut,
      as: .indirect)
    ring.publish()
    if let wrong = answer(device, card) { return wrong }
    let used = ring.takeUsed()
    guard used.count == 1, used[0].id == UInt32(message.head) else { return "not answered once" }
    let written = ring.gather(message.writable)
    guard Int(used[0].length) <= written.count else { return "longer than its room" }
    if room >= 4 {
      guard (0x8000...0x8003).contains(Array(written.prefix(4)).number) else { return "no status" }
      let rest = written.dropFirst(Int(used[0].length))
      guard rest.allSatisfy({ $0 == 0xEE }) else { return "more was written than its length says" }
    } else if used[0].length != 0 {
      return "a length without room"
    }
    ring.free(message, cut: cut)
  }
  return nil
}

/// Answers what waits, as the card does.
private func answer(_ device: MessageRing, _ card: CardDescription) -> String? {
  do throws(RingFault) {
    while let message = try device.next() {
      let answer: ControlAnswer =
        switch card.request(message.bytes, room: message.chain.writableBytes) {
        case .answer(let answer): answer
        case .command, .setParameters: ControlAnswer(.ok)
        }
      guard message.chain.writableBytes >= 4 else {
        device.complete(message, length: 0)
        continue
      }
      var offset: UInt32 = 4
      for item in answer.items {
        device.write(Array(item.prefix(Int(answer.stride))), at: offset, to: message)
        let end = offset + answer.stride
        device.fillZeros(from: offset + min(UInt32(item.count), answer.stride), to: end, of: message)
        offset = end
      }
      device.write(.little(answer.status.rawValue), at: 0, to: message)
      device.complete(message, length: UInt32(answer.length))
    }
  } catch { return "the ring broke: \(error)" }
  _ = device.publish()
  return nil
}
