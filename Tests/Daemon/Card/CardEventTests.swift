// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import TestSupport
import Testing

@testable import Daemon

@Suite("Card, events")
struct CardEventTests {
  /// Bytes of an xrun event of a stream (VS-140).
  static func xrun(_ stream: UInt8) -> [UInt8] { [0x01, 0x11, 0, 0, stream, 0, 0, 0] }
  /// Parameters that select EVT_XRUNS (VS-062).
  static let selected = SoundGuest.Parameters(features: 0x10)

  @Test("a lost frame is told once an episode, in a buffer that came without a kick (VS-143, VS-147)")
  func xruns() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, Self.selected) == .ok)
    let buffers = (0..<4).map { _ in guest.awaitEvent() }
    #expect(!guest.wantsKick(SoundGuest.event))
    _ = guest.notifications(SoundGuest.event)

    for _ in 0..<3 { bench.hosts[0].xrun() }
    #expect(guest.used(SoundGuest.event).map(\.length) == [8])
    #expect(guest.answer(buffers[0], on: SoundGuest.event) == Self.xrun(0))
    #expect(guest.notifications(SoundGuest.event) == 1)
    // A loan that is used up ends the episode.
    guest.play([UInt8].pattern(1920))
    bench.hosts[0].hear(480)
    bench.hosts[0].xrun()

    #expect(guest.answer(buffers[1], on: SoundGuest.event) == Self.xrun(0))
    #expect(guest.used(SoundGuest.event).count == 2)
  }

  @Test("an xrun is not told to a guest that did not select it (VS-147)")
  func notSelected() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    guest.awaitEvent()

    bench.hosts[0].xrun()

    #expect(guest.used(SoundGuest.event).isEmpty)
  }

  @Test("an xrun of a stream that does not run is not told, now or later (VS-147)", arguments: [true, false])
  func notRunning(hadBuffer: Bool) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, Self.selected) == .ok)
    if hadBuffer {
      #expect(guest.request(.stop) == .ok)
      bench.hosts[0].xrun()
      bench.loop.run()
    } else {
      bench.hosts[0].xrun()
      bench.loop.run()
      #expect(guest.request(.stop) == .ok)
    }

    guest.awaitEvent()
    #expect(guest.used(SoundGuest.event).isEmpty)
    #expect(guest.request(.start) == .ok)

    #expect(guest.used(SoundGuest.event).isEmpty)
  }

  @Test("without buffers one xrun a stream is kept, for the next ones (VS-145, hostile 37)")
  func kept() throws {
    let bench = try CardBench([.output, .output, .input].map { StreamSpecification($0) })
    let guest = try bench.guest()
    for stream in 0..<3 as Range<UInt32> { #expect(guest.bring(stream, to: .running, Self.selected) == .ok) }

    for _ in 0..<50 {
      for stream in [2, 0] {
        bench.hosts[stream].xrun()
        bench.loop.run()
        // Ends the episode: the next one counts anew.
        if stream == 0 {
          guest.play([UInt8].pattern(1920))
          bench.hosts[0].hear(480)
        }
      }
    }
    #expect(guest.wantsKick(SoundGuest.event))
    let buffers = (0..<4).map { _ in guest.awaitEvent() }

    #expect(guest.used(SoundGuest.event).map(\.length) == [8, 8])
    #expect(guest.rings[SoundGuest.event].gather(buffers[0].writable) == Self.xrun(0))
    #expect(guest.rings[SoundGuest.event].gather(buffers[1].writable) == Self.xrun(2))
  }

  @Test("a buffer without room for an event comes back empty, and the next one gets it (VS-146, hostile 36)")
  func smallBuffers() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, Self.selected) == .ok)
    for size in 1...7 { guest.awaitEvent(size) }
    guest.send(SoundGuest.event, [[1, 2, 3, 4, 5, 6, 7, 8]], [])
    let mixed = guest.send(SoundGuest.event, [[1, 2]], [16])

    bench.hosts[0].xrun()

    #expect(guest.used(SoundGuest.event).map(\.length) == [0, 0, 0, 0, 0, 0, 0, 0, 8])
    #expect(guest.answer(mixed, on: SoundGuest.event) == Self.xrun(0))
  }

  @Test("an event queue that is broken costs nothing but events (VS-191)")
  func brokenQueue() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, Self.selected) == .ok)
    guest.rings[SoundGuest.event].claimAvailable(1000)

    bench.hosts[0].xrun()
    bench.loop.run()

    #expect(guest.frontEnd.rings[SoundGuest.event].error.readEvent() == .signalled)
    #expect(bench.card.needsReset)
    guest.play([UInt8].pattern(1920))
    #expect(bench.hosts[0].hear(480).count == 1920)
    #expect(guest.requests([.stop, .release]) == .ok)
  }

  @Test("events that nobody fetched do not survive a reset (VS-087)")
  func reset() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, Self.selected) == .ok)
    bench.hosts[0].xrun()
    bench.loop.run()

    try guest.reboot()
    guest.awaitEvent()
    #expect(guest.bring(to: .running, Self.selected) == .ok)

    #expect(guest.used(SoundGuest.event).isEmpty)
  }
}
