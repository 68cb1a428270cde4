// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing
import Virtqueue

@testable import Daemon

@Suite("Card, end of a front-end")
struct DisconnectTests {
  @Test("a front-end that goes away amid everything leaves a clean card to the next (VU-192, VU-193)")
  func disconnect() throws {
    let bench = try CardBench()
    for round in 0..<3 {
      let guest = try bench.guest()
      let state = [PCMState.running, .prepared, .stopped][round]
      #expect(guest.bring(to: state) == .ok)
      for _ in 0..<3 { guest.play([UInt8](repeating: 1, count: 1920)) }
      if round == 0 { bench.hosts[0].hear(100) }
      bench.hosts[1].preparing = .hang
      #expect(guest.request(.setParameters, 1) == .ok)
      _ = guest.ask(.prepare, 1)

      bench.disconnect()
      bench.hosts[1].finishPrepare()
      bench.hosts[1].preparing = .succeed
      bench.loop.advance(milliseconds: 2000)

      #expect(bench.state() == .initial)
      #expect(bench.state(1) == .initial)
      #expect(!bench.hosts[0].isOpen)
      // The one that is left wakes the control thread.
      #expect(bench.loop.watched == 1)
      #expect(bench.card.memory.regions.isEmpty)
      #expect(bench.card.oldMemory.isEmpty)
    }
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    let data = [UInt8].pattern(1920)
    guest.play(data)
    #expect(bench.hosts[0].hear(1000) == data)
  }

  @Test("no descriptor of a front-end outlives it (VU-089, VU-192)")
  func descriptors() throws {
    let bench = try CardBench()
    weak var kick: AnyObject?
    weak var call: AnyObject?
    weak var error: AnyObject?
    try {
      let guest = try bench.guest()
      kick = guest.frontEnd.rings[2].kick
      call = guest.frontEnd.rings[2].call
      error = guest.frontEnd.rings[2].error
      bench.disconnect()
    }()
    bench.loop.run()

    #expect(kick == nil)
    #expect(call == nil)
    #expect(error == nil)
  }

  @Test("the VM that returns to a fresh daemon in mid-stream is refused, not left hanging (VU-193, VS-112)")
  func returningGuest() throws {
    let first = try CardBench()
    let guest = try first.guest()
    #expect(guest.bring(to: .running) == .ok)
    guest.play([UInt8].pattern(1920))
    first.hosts[0].hear(480)
    try guest.pause()

    let second = try CardBench()
    let returning = try second.connect()
    returning.takeOver(guest)
    try returning.boot()
    let buffer = returning.play([UInt8].pattern(1920))

    #expect(returning.rings[SoundGuest.transmit].status(of: buffer).status == 0x8003)
    #expect(returning.requests([.release, .setParameters, .prepare, .start]) == .ok)
  }
}
