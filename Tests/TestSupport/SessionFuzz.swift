// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import VhostUser

/// Drives a session with messages made from `bytes`; must neither trap nor break a rule of the protocol.
///
/// The first byte says whether the session is fresh or has rings that run.
/// Each message takes from the input: a request number, a byte of choices (flags, number of descriptors,
/// whether the payload has the size that the request wants) and its payload. What the session answers is
/// checked: one reply at most, with the number of its request, and always one where NEED_REPLY asks.
///
/// - Returns: a sentence on the rule that was broken, nil for none.
package func fuzzSession(_ bytes: UnsafeRawBufferPointer) -> String? {
  var input = FuzzInput(bytes: Array(bytes))
  let device = ScriptedDevice()
  let session = Session(device: device) { _, _ in }
  guard let file = try? Descriptor.memory(named: "fuzz", size: 1 << 16), let event = try? Descriptor.event()
  else { return nil }
  if input.byte() & 1 == 1 {
    guard let frontEnd = try? FrontEnd(driving: session), (try? frontEnd.negotiate()) != nil,
      (try? frontEnd.start()) != nil
    else { return "a session does not start" }
  }
  var reader = MessageReader()
  while !input.isAtEnd {
    let message = input.message(file, event)
    var stream = message.encoded[...]
    // Through the reader as well, in pieces, so that both are one target.
    var whole: Message?
    do {
      var part = stream.prefix(Int(input.byte()) + 1)
      stream = stream.dropFirst(part.count)
      whole = try reader.read(&part, message.descriptors)
      if whole == nil { whole = try reader.read(&stream) }
    } catch {
      return nil
    }
    guard let whole else { return "a whole message was not recognised" }
    let reply = session.handle(whole)
    if let reply, reply.request != message.request { return "a reply is for another request" }
    if reply == nil, message.flags & 0x8 != 0 { return "request \(message.request) got no reply" }
    if let violation = device.violation { return violation }
    if Set(device.running.keys) != session.startedRings { return "session and device differ on what runs" }
  }
  return nil
}

private struct FuzzInput {
  var bytes: [UInt8]
  var position = 0

  var isAtEnd: Bool { position >= bytes.count }

  mutating func byte() -> UInt8 {
    guard position < bytes.count else { return 0 }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func take(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }

  mutating func message(_ file: Descriptor, _ event: Descriptor) -> Message {
    // Mostly numbers that exist, at times any.
    let request = byte()
    let number = request < 0xf0 ? UInt32(request % 47) : UInt32(truncatingIfNeeded: ~UInt64(byte()))
    let choices = byte()
    let flags: UInt32 = 1 | (choices & 1 != 0 ? 8 : 0)
    let descriptors = Array(
      repeating: choices & 2 != 0 ? file : event, count: [0, 1, 1, 2][Int(choices >> 6)])
    let size = Int(choices & 4 != 0 ? byte() : [0, 8, 8, 40, 40, 13, 24, 16][Int(choices >> 3 & 7)])
    return Message(
      request: number, flags: flags, payload: sensible(take(size)), descriptors: descriptors)
  }

  /// Makes large numbers rare, so that indexes and addresses hit often.
  private mutating func sensible(_ payload: [UInt8]) -> [UInt8] {
    guard byte() & 1 == 0 else { return payload }
    return payload.enumerated().map { $0.offset % 4 < 2 ? $0.element : 0 }
  }
}

/// Numbers that look random and are the same on every run (splitmix64).
package struct RepeatableNumbers: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
