// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Foundation
import Platform
import TestSupport
import VhostUser

/// A guest that plays for ever: whatever comes back is offered again at once.
final class PlayingGuest {
  private let frontEnd: FrontEnd
  private let memory: MemoryGuest
  private let control: GuestRing
  private let transmit: GuestRing
  /// The used index up to which buffers were taken back.
  private var taken: UInt16 = 0
  /// Kicks that the daemon asked for, calls that it made, and buffers that it gave back.
  private(set) var kicks = 0
  private(set) var calls = 0
  private(set) var periods = 0

  /// Boots on the daemon's socket and starts stream 0 with four periods in its buffer.
  ///
  /// - Parameter frames: of a period, 16-bit stereo at 48 kHz.
  init(_ socket: String, period frames: Int) throws {
    frontEnd = try FrontEnd(path: socket)
    let size = frontEnd.rings[0].size
    let ram = frontEnd.ram
    memory = MemoryGuest(ram)
    control = GuestRing(memory, ram.ring(0, size: size), size: Int(size))
    transmit = GuestRing(memory, ram.ring(2, size: size), size: Int(size))
    try frontEnd.negotiate()
    try frontEnd.start()
    let bytes = UInt32(frames * 4)
    // SET_PARAMS with message polling, S16 and 48 kHz; PREPARE; the buffers; START (VS-070…074).
    try ask(0x0101, .little(4 * bytes) + .little(bytes) + .little(UInt32(4)) + [2, 5, 7, 0])
    try ask(0x0102)
    for _ in 0..<4 { transmit.play([UInt8](repeating: 1, count: Int(bytes))) }
    publish(4)
    try ask(0x0104)
  }

  private func ask(_ code: UInt32, _ rest: [UInt8] = []) throws {
    let message = control.send([.little(code) + .little(UInt32(0)) + rest], [[0, 0, 0, 0]])
    control.publish()
    frontEnd.rings[0].kick.signal()
    for _ in 0..<1000 where control.takeUsed().isEmpty { usleep(2000) }
    guard control.gather(message.writable) == .little(UInt32(0x8000)) else {
      throw Measured.Failure(description: "the daemon refused request \(String(code, radix: 16))")
    }
  }

  private func publish(_ count: UInt16) {
    transmit.publish()
    guard transmit.mustKick(afterAdding: count, eventIndex: true) else { return }
    kicks += 1
    frontEnd.rings[2].kick.signal()
  }

  /// Plays until `end`, asleep while the daemon has nothing to give back.
  func play(until end: Date) throws {
    let call = frontEnd.rings[2].call.raw
    while Date() < end {
      // The daemon calls for the next buffer; one that came just before is seen without.
      transmit.setUsedEvent(taken)
      vsnd_full_fence()
      if transmit.usedIndex == taken { try waitForCall(call) }
      let back = transmit.takeUsed()
      for entry in back { transmit.offer(UInt16(truncatingIfNeeded: entry.id)) }
      periods += back.count
      taken &+= UInt16(truncatingIfNeeded: back.count)
      if !back.isEmpty { publish(UInt16(back.count)) }
    }
  }

  private func waitForCall(_ call: Int32) throws {
    var wait = pollfd(fd: call, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 2000) > 0 else { throw Measured.Failure(description: "the stream stands still") }
    var count: UInt64 = 0
    calls += read(call, &count, 8) == 8 ? Int(count) : 0
  }
}
