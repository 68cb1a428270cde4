// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import PluginABI
import Sound
import TestSupport
import Testing

@testable import Daemon

/// The guest gives up after one second: whatever a host does, it is answered before (VS-030).
@Suite("Card, slow and failing hosts")
struct SlowHostTests {
  @Test("PREPARE is answered when the host is through, not before")
  func waitsForHost() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    bench.hosts[0].preparing = .hang
    #expect(guest.request(.setParameters) == .ok)

    let prepare = guest.ask(.prepare)
    bench.loop.advance(milliseconds: 700)
    #expect(guest.answer(prepare) == nil)
    bench.hosts[0].finishPrepare()

    #expect(guest.status(prepare) == .ok)
    #expect(bench.state() == .prepared)
    // The deadline that it met does no harm.
    bench.loop.advance(milliseconds: 700)
    #expect(bench.state() == .prepared)
  }

  @Test("a PREPARE that the host does not finish is an I/O error after 800 ms; a late device is closed")
  func deadline() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    bench.hosts[0].preparing = .hang
    #expect(guest.request(.setParameters) == .ok)

    let prepare = guest.ask(.prepare)
    bench.loop.advance(milliseconds: 799)
    #expect(guest.answer(prepare) == nil)
    bench.loop.advance(milliseconds: 1)
    #expect(guest.status(prepare) == .ioError)
    #expect(bench.hosts[0].takeCalls() == ["prepare", "release discard"])
    bench.hosts[0].finishPrepare()
    bench.loop.run()

    #expect(bench.state() == .parametersSet)
    #expect(guest.used(SoundGuest.control).count == 2)
    bench.hosts[0].preparing = .succeed
    #expect(guest.requests([.prepare, .start]) == .ok)
  }

  @Test(
    "what the host says about its failure is what the guest is told, and a later PREPARE works (VS-078, B6)",
    arguments: [
      (VSND_E_IO, .ioError), (VSND_E_BUSY, .ioError), (VSND_E_GONE, .ioError), (VSND_E_NOMEM, .ioError),
      (VSND_E_UNSUPPORTED, .notSupported), (-99, .ioError),
    ] as [(Int32, SoundGuest.Status)])
  func failures(code: Int32, status: SoundGuest.Status) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.request(.setParameters) == .ok)
    bench.hosts[0].preparing = .fail(code)
    #expect(guest.request(.prepare) == status)
    #expect(bench.state() == .parametersSet)

    bench.hosts[0].preparing = .succeed
    bench.hosts[0].starting = .fail(code)
    #expect(guest.request(.prepare) == .ok)
    #expect(guest.request(.start) == status)

    #expect(bench.state() == .prepared)
    bench.hosts[0].starting = .succeed
    #expect(guest.request(.start) == .ok)
  }

  @Test("a START that failed keeps the buffers, and leaves the audio context out (VS-085)")
  func failedStart() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data)
    bench.hosts[0].starting = .fail(VSND_E_IO)

    #expect(guest.request(.start) == .ioError)

    #expect(bench.hosts[0].hear(480).isEmpty)
    #expect(guest.answer(buffer, on: SoundGuest.transmit) == nil)
    bench.hosts[0].starting = .succeed
    #expect(guest.request(.start) == .ok)
    #expect(bench.hosts[0].hear(480) == data)
  }

  @Test("a START that hangs is OK after 800 ms, and the daemon's clock moves the guest on (VS-085, VS-088)")
  func hangingStart() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    let buffer = guest.play([UInt8].pattern(1920))
    bench.hosts[0].starting = .hang

    let start = guest.ask(.start)
    #expect(guest.answer(start) == nil)
    bench.loop.advance(milliseconds: 800)

    #expect(guest.status(start) == .ok)
    #expect(bench.hosts[0].skip(480) == 480)
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
    // The late answer changes nothing, be it good or bad.
    bench.hosts[0].finishStart(VSND_E_IO)
    bench.loop.run()
    #expect(bench.state() == .running)
    #expect(guest.used(SoundGuest.control).count == 3)
  }

  @Test("STOP and RELEASE are answered at once while the host hangs in start()")
  func stopWhileHanging() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    bench.hosts[0].starting = .hang
    _ = guest.ask(.start)
    bench.loop.advance(milliseconds: 800)

    #expect(guest.requests([.stop, .release]) == .ok)

    #expect(bench.hosts[0].takeCalls() == ["prepare", "start", "stop", "release drain"])
  }

  @Test("other streams, and queries, are not held up by a stream whose host hangs (VS-031)")
  func othersGoOn() throws {
    let bench = try CardBench([.output, .output, .input].map { StreamSpecification($0) })
    let guest = try bench.guest()
    bench.hosts[0].preparing = .hang
    #expect(guest.request(.setParameters) == .ok)
    let prepare = guest.ask(.prepare)

    #expect(guest.bring(1, to: .running) == .ok)
    #expect(guest.bring(2, to: .running) == .ok)
    #expect(guest.finish(guest.query(0x100, count: 3, size: 32))?.count == 100)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data, stream: 1)

    #expect(bench.hosts[1].hear(480) == data)
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
    #expect(guest.answer(prepare) == nil)
  }

  @Test("requests for one stream are executed in their order, however long the first takes (VS-031)")
  func order() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    bench.hosts[0].preparing = .hang
    #expect(guest.request(.setParameters) == .ok)

    let asked = [.prepare, .start, .stop, .release, .start].map { guest.ask($0) }
    #expect(asked.allSatisfy { guest.answer($0) == nil })
    bench.hosts[0].finishPrepare()
    bench.loop.run()

    #expect(asked.map { guest.status($0) } == [.ok, .ok, .ok, .ok, .badMessage])
    #expect(bench.hosts[0].takeCalls() == ["prepare", "start", "stop", "release drain"])
    #expect(guest.used(SoundGuest.control).dropFirst().map(\.id) == asked.map { UInt32($0.head) })
  }

  @Test("requests behind one that hangs are answered within the limit of their own arrival")
  func queuedDeadline() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    bench.hosts[0].preparing = .hang
    #expect(guest.request(.setParameters) == .ok)
    let first = guest.ask(.prepare)
    bench.loop.advance(milliseconds: 100)
    let second = guest.ask(.prepare)

    bench.loop.advance(milliseconds: 700)
    #expect(guest.status(first) == .ioError)
    #expect(guest.answer(second) == nil)
    bench.loop.advance(milliseconds: 100)

    #expect(guest.status(second) == .ioError)
  }

  @Test("RELEASE returns every buffer before its answer, those too that nobody has popped (VS-130, VS-131)")
  func releaseReturnsAll() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .stopped) == .ok)
    let popped = (0..<2).map { _ in guest.play([UInt8].pattern(1920)) }
    // Shown to the device, without a kick.
    let unseen = (0..<3).map { _ in guest.add(SoundGuest.transmit, [.little(UInt32(0)), [1, 2, 3, 4]], [8]) }
    guest.rings[SoundGuest.transmit].publish()
    let release = guest.add(SoundGuest.control, [.little(UInt32(0x103)) + .little(UInt32(0))], [4])
    guest.rings[SoundGuest.control].publish()
    guest.frontEnd.rings[SoundGuest.control].kick.signal()

    bench.loop.run()

    #expect(guest.status(release) == .ok)
    for buffer in popped + unseen {
      #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
      #expect(guest.rings[SoundGuest.transmit].status(of: buffer).status == 0x8000)
    }
    #expect(guest.notifications(SoundGuest.transmit) > 0)
  }

  @Test("RELEASE of a capture stream returns its rooms with what was recorded into them (VS-115, VS-133)")
  func releaseCapture() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(1, to: .running) == .ok)
    let rooms = (0..<2).map { _ in guest.record(1920) }
    let data = [UInt8].pattern(400)
    #expect(bench.hosts[1].speak(data) == 400)

    #expect(guest.requests([.stop, .release], 1) == .ok)

    #expect(guest.answer(rooms[0], on: SoundGuest.receive)?.count == 408)
    #expect(guest.answer(rooms[1], on: SoundGuest.receive)?.count == 8)
    // VS-115: behind what was recorded is silence, not what the guest left there.
    let silence = [UInt8](repeating: 0, count: 1520)
    #expect(guest.rings[SoundGuest.receive].recorded(rooms[0]).elementsEqual(data + silence))
  }

  @Test(
    "messages for a stream that is not prepared are refused at once, the queue lives (VS-112, B2, B3)",
    arguments: [0, 1, 2, UInt32.max] as [UInt32])
  func refusedMessages(stream: UInt32) throws {
    let bench = try CardBench()
    let guest = try bench.guest()

    let buffer = guest.play([UInt8].pattern(1920), stream: stream)
    let room = guest.record(1920, stream: stream)

    #expect(guest.rings[SoundGuest.transmit].status(of: buffer) == (0x8003, 0))
    #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
    #expect(guest.rings[SoundGuest.receive].status(of: room) == (0x8003, 0))
    #expect(guest.answer(room, on: SoundGuest.receive)?.count == 8)
    #expect(guest.bring(to: .running) == .ok)
    let data = [UInt8].pattern(1920)
    guest.play(data)
    #expect(bench.hosts[0].hear(480) == data)
  }
}
