// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Sound
import TestSupport
import Testing

/// The whole program with a host that fails as it is told.
@Suite("Process, failing host", .serialized)
struct FaultProcessTests {
  @Test("a PREPARE that hangs is an I/O error in time, another stream plays on (VS-030, VS-031)")
  func hangingOpen() throws {
    let daemon = try RunningDaemon(
      "fault", ["hang-in=open", "hang-for=10s", "hang-stream=1"])
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    #expect(guest.request(.setParameters, 1) == .ok)

    let prepare = guest.ask(.prepare, 1)
    let count = guest.flow(seconds: 1)

    #expect(guest.status(prepare) == .ioError)
    #expect(count >= 40 && count <= 108)
    #expect(guest.requests([.stop, .release]) == .ok)
  }

  @Test(
    "a host that goes leaves the guest's clock running, and is taken back, each told once (VS-088)",
    arguments: [0, 1] as [UInt32])
  func gone(stream: UInt32) throws {
    let daemon = try RunningDaemon("fault", ["gone-after=300ms", "back-after=1200ms"])
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare, .start], stream) == .ok)

    let count = guest.flow(stream, seconds: 2)

    #expect(count >= 80)
    #expect(count <= 215)
    #expect(daemon.wait { daemon.log.contains("the host is back") })
    #expect(daemon.log.components(separatedBy: "the host is gone").count == 2)
    #expect(daemon.log.components(separatedBy: "the host is back").count == 2)
    #expect(guest.requests([.stop, .release], stream) == .ok)
  }

  @Test("xruns of the host become events of the guest (VS-147)")
  func xruns() throws {
    let daemon = try RunningDaemon("fault", ["xrun-every=10"])
    let guest = try daemon.guest()
    let event = guest.awaitEvent()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(features: 0x10)) == .ok)

    _ = guest.flow(seconds: 0.5)

    #expect(guest.waits { guest.answer(event, on: SoundGuest.event) == [1, 0x11, 0, 0, 0, 0, 0, 0] })
  }

  @Test("the host's delay is the guest's latency (VS-120)")
  func latency() throws {
    let daemon = try RunningDaemon("fault", ["delay-frames=480"])
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare]) == .ok)
    let buffer = guest.play([UInt8].pattern(1920))
    #expect(guest.request(.start) == .ok)

    #expect(guest.waits { guest.answer(buffer, on: SoundGuest.transmit) != nil })

    // Nothing follows it, so its end is as far from the ear as the commit's.
    #expect(guest.rings[SoundGuest.transmit].status(of: buffer) == (0x8000, 480 * 4))
  }
}
