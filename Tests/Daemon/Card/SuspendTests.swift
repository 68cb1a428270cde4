// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing
import VhostUser

@testable import Daemon

/// VM pause and guest reset are the same messages (VU-130): what tells them apart, and what each leaves.
@Suite("Card, pause and reset")
struct SuspendTests {
  @Test("a paused VM goes on where it was, in the middle of a buffer (VU-131…135)")
  func resume() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    let data = [UInt8].pattern(3 * 1920)
    let buffers = (0..<3).map { guest.play(Array(data[$0 * 1920..<($0 + 1) * 1920])) }
    let room = guest.record(1920)
    #expect(bench.hosts[0].hear(700) == Array(data[..<2800]))
    #expect(bench.hosts[1].speak(Array(data[..<400])) == 400)

    try guest.pause()
    #expect(bench.hosts[0].takeCalls().last == "stop")
    #expect(bench.hosts[0].hear(100).isEmpty)
    for index in 0..<4 { #expect(guest.frontEnd.rings[index].base == guest.rings[index].usedIndex) }
    try guest.resume()

    #expect(bench.state() == .running)
    #expect(bench.hosts[0].takeCalls() == ["start"])
    #expect(bench.hosts[0].hear(2000) == Array(data[2800...]))
    #expect(buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit)?.count == 8 })
    #expect(bench.hosts[1].speak(Array(data[400..<1920])) == 1520)
    #expect(guest.rings[SoundGuest.receive].recorded(room) == Array(data[..<1920]))
    #expect(guest.requests([.stop, .release]) == .ok)
  }

  @Test("nothing is written and nobody is notified while a VM is paused (VS-136, VU-086)")
  func silentWhilePaused() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)
    guest.play([UInt8].pattern(1920))
    guest.awaitEvent()
    let borrowed = bench.hosts[0].borrow(480)
    #expect(borrowed.count == 1)

    try guest.pause()
    let before = guest.memory.read(0x20000, at: 0x4000_0000)
    for index in 0..<4 { _ = guest.notifications(index) }
    bench.hosts[0].commit(480)
    bench.hosts[0].xrun()
    guest.frontEnd.rings[SoundGuest.control].kick.signal()
    bench.loop.advance(milliseconds: 2000)

    #expect(guest.memory.read(0x20000, at: 0x4000_0000) == before)
    #expect((0..<4).allSatisfy { guest.notifications($0) == 0 })
  }

  @Test(
    "a guest that reboots while it plays begins with a fresh card (B13, VU-132)",
    arguments: [PCMState.parametersSet, .prepared, .running, .stopped, .released])
  func reboot(state: PCMState) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: state) == .ok)
    if state != .parametersSet, state != .released {
      for _ in 0..<3 { guest.play([UInt8](repeating: 1, count: 1920)) }
      bench.hosts[0].hear(100)
    }

    try guest.reboot()

    #expect(bench.state() == .initial)
    #expect(!bench.hosts[0].isOpen)
    #expect((0..<4).allSatisfy { guest.used($0).isEmpty })
    #expect(guest.bring(to: .running) == .ok)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data)
    #expect(bench.hosts[0].hear(1000) == data)
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
  }

  @Test("Linux's suspend, STOP and a reset without RELEASE, is followed by a working stream (VS-203, B13)")
  func suspend() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    for _ in 0..<4 { guest.play([UInt8](repeating: 1, count: 1920)) }
    #expect(guest.request(.stop) == .ok)

    try guest.reboot()

    // No information is asked for again.
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    let data = [UInt8].pattern(1920)
    guest.play(data)
    #expect(bench.hosts[0].hear(1000) == data)
  }

  @Test("a guest that resumes and finds an earlier RELEASE unanswered may send it again (VS-083)")
  func releaseAfterReset() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)

    try guest.reboot()

    #expect(guest.requests([.release, .setParameters, .prepare, .start]) == .ok)
  }

  @Test(
    "a new base, used index or address of any ring that ran means a reset (VU-132, VU-133)",
    arguments: 0..<4, ["base", "used", "address"])
  func tells(ring: Int, what: String) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    // Every ring has moved, so that none may be taken for one that begins.
    guest.awaitEvent()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)
    #expect(guest.bring(1, to: .running) == .ok)
    bench.hosts[0].xrun()
    bench.loop.run()
    guest.play([UInt8].pattern(1920))
    guest.record(1920)
    bench.hosts[0].hear(480)
    bench.hosts[1].speak([UInt8].pattern(1920))
    try guest.pause()
    #expect((0..<4).allSatisfy { guest.frontEnd.rings[$0].base > 0 })

    switch what {
    case "base": guest.frontEnd.rings[ring].base -= 1
    case "used": guest.setUsedIndex(ring, guest.rings[ring].usedIndex &- 1)
    default: guest.frontEnd.rings[ring].shift = 0x40000
    }
    try guest.resume()

    #expect(bench.state() == .initial)
    #expect(bench.state(1) == .initial)
  }

  @Test("a reset that shows only in a later ring leaves the rings before it running (VU-132)")
  func lateReset() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    for _ in 0..<2 { guest.play([UInt8].pattern(1920)) }
    bench.hosts[0].hear(480)
    try guest.pause()

    // The control ring looks as it was left; that of tx does not.
    guest.clearRing(SoundGuest.transmit)
    try guest.resume()

    #expect(bench.state() == .initial)
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
  }

  @Test("RESET_DEVICE and status 0 bring the initial state, and rings that start again work (VU-134, VU-140)")
  func resetMessages() throws {
    let bench = try CardBench()
    for byStatus in [false, true] {
      let guest = try bench.guest()
      #expect(guest.bring(to: .running) == .ok)
      guest.play([UInt8].pattern(1920))

      if byStatus {
        try guest.frontEnd.demand(.setStatus, .of(UInt64(0)))
      } else {
        try guest.frontEnd.demand(.resetDevice)
      }
      bench.loop.run()

      #expect(bench.state() == .initial)
      #expect(!bench.hosts[0].isOpen)
      #expect(guest.used(SoundGuest.transmit).isEmpty)
      try guest.bootAgain()
      #expect(guest.bring(to: .running) == .ok)
      bench.disconnect()
    }
  }

  @Test("a PREPARE that a VM pause interrupts is asked for again after it, and answered once (VU-088)")
  func pauseDuringPrepare() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.request(.setParameters) == .ok)
    bench.hosts[0].preparing = .hang
    let prepare = guest.ask(.prepare)

    try guest.pause()
    #expect(bench.hosts[0].takeCalls() == ["prepare", "release discard"])
    bench.hosts[0].finishPrepare()
    bench.loop.advance(milliseconds: 1000)
    #expect(guest.used(SoundGuest.control).count == 1)
    try guest.resume()
    #expect(bench.hosts[0].takeCalls() == ["prepare"])
    bench.hosts[0].finishPrepare()
    bench.loop.run()

    #expect(guest.status(prepare) == .ok)
    #expect(guest.used(SoundGuest.control).count == 2)
    #expect(guest.request(.start) == .ok)
  }

  @Test("a PREPARE that cannot be given back at a pause is an I/O error, and can be repeated (VU-087)")
  func pauseDuringOldPrepare() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.request(.setParameters) == .ok)
    bench.hosts[0].preparing = .hang
    let prepare = guest.ask(.prepare)
    // A younger request that is answered already stands behind it in the ring.
    #expect(guest.bring(1, to: .prepared) == .ok)

    try guest.pause()
    #expect(guest.frontEnd.rings[SoundGuest.control].base == guest.rings[SoundGuest.control].usedIndex)
    try guest.resume()

    #expect(guest.status(prepare) == .ioError)
    #expect(guest.notifications(SoundGuest.control) > 0)
    bench.hosts[0].preparing = .succeed
    #expect(guest.requests([.prepare, .start]) == .ok)
    #expect(guest.request(.start, 1) == .ok)
  }

  @Test("a START that a pause interrupts is asked for again; until then the stream does not run")
  func pauseDuringStart() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    bench.hosts[0].starting = .hang
    let start = guest.ask(.start)
    let data = [UInt8].pattern(1920)
    guest.play(data)

    try guest.pause()
    bench.hosts[0].starting = .succeed
    try guest.resume()

    #expect(guest.status(start) == .ok)
    #expect(guest.used(SoundGuest.control).count == 3)
    #expect(bench.hosts[0].hear(1000) == data)
  }

  @Test("a stream whose host cannot start again after a pause goes on without it (VU-135, VS-088)")
  func resumeWithoutHost() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    try guest.pause()
    _ = bench.hosts[0].takeCalls()
    bench.hosts[0].starting = .fail(-5)

    try guest.resume()

    #expect(bench.state() == .running)
    // Closed and started: the host's side opens it anew in the background, on the daemon's clock meanwhile.
    #expect(bench.hosts[0].takeCalls() == ["start", "release discard", "start"])
  }
}
