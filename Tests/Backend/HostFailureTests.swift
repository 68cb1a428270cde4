// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import PluginABI
import Sound
import TestSupport
import Testing

@testable import Backend

@Suite("A host that fails (VS-088)")
struct HostFailureTests {
  private func running(_ backend: ScriptedBackend = ScriptedBackend()) throws -> HostBench {
    let bench = try HostBench(backend)
    #expect(bench.prepare().isSuccess)
    #expect(bench.start().isSuccess)
    return bench
  }

  private func warnings(_ bench: HostBench) -> [String] {
    bench.log.lines.filter { $0.contains("gone") || $0.contains("back") }
  }

  @Test("a silent server is replaced by the clock and gets the stream back, and the log says both once")
  func silentServer() throws {
    let bench = try running()
    let player = bench.play()
    #expect(ScriptedBackend.waits { bench.feed.asked > 0 })
    #expect(bench.owner() != .clock)

    player.end()
    #expect(bench.becomes(.clock))
    let next = bench.play()
    #expect(bench.becomes(.backend))
    usleep(100_000)
    next.end()

    #expect(
      warnings(bench) == [
        "warning: stream 0 (test): the host is gone (it has fallen silent); the guest goes on without it",
        "info: stream 0 (test): the host is back",
      ])
    #expect(!bench.calls.contains("close 0"))
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a device that fails is closed, opened again and started, and the log says both once")
  func failedDevice() throws {
    let bench = try running()
    let player = bench.play()
    let device = try #require(bench.backend.streams.first)

    device.fail(VSND_E_GONE)
    #expect(bench.becomes(.clock))
    #expect(bench.becomes(.backend))
    player.end()

    #expect(bench.calls == ["open 0", "start 0", "stop 0 discard", "close 0", "open 0", "start 0"])
    #expect(
      warnings(bench) == [
        "warning: stream 0 (test): the host is gone (the device or sound server is gone); the guest goes on "
          + "without it",
        "info: stream 0 (test): the host is back",
      ])
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("tries to open the device again are spaced out, and come at once when the server is back")
  func backsOff() throws {
    let bench = try running()
    bench.backend.fail(in: .open, code: VSND_E_GONE)
    try #require(bench.backend.streams.first).fail(VSND_E_GONE)
    let opens = { bench.calls.filter { $0 == "open 0" }.count }

    // After 100, 300 and 700 ms; the next one would come after 1.5 s.
    #expect(ScriptedBackend.waits { opens() == 4 })
    usleep(100_000)
    #expect(opens() == 4)
    bench.backend.succeed(in: .open)
    bench.backend.notify(VSND_EVENT_RESTORED)
    usleep(150_000)

    #expect(opens() == 5)
    let player = bench.play()
    #expect(bench.becomes(.backend))
    player.end()
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a device that fails again each time it is opened is not tried again at once")
  func failsAgain() throws {
    let bench = try running()
    for _ in 0..<3 {
      let opens = bench.calls.count
      try #require(bench.backend.streams.last).fail(VSND_E_IO)
      #expect(ScriptedBackend.waits { bench.calls.count == opens + 4 && !bench.backend.streams.isEmpty })
    }
    let opens = bench.calls.count
    try #require(bench.backend.streams.last).fail(VSND_E_IO)

    // The fourth pause is 800 ms long.
    usleep(500_000)
    #expect(bench.calls.count == opens + 2)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a device that fails while paused lets the guest go on without it, and is opened at the start")
  func failsWhilePaused() throws {
    let bench = try running()
    bench.stream.stop()
    #expect(bench.sees(["open 0", "start 0", "stop 0 hold"]))
    try #require(bench.backend.streams.first).fail(VSND_E_GONE)
    #expect(ScriptedBackend.waits { bench.calls.last == "close 0" })
    #expect(bench.owner() == .nobody)

    #expect(bench.start().isSuccess)
    let player = bench.play()
    #expect(bench.becomes(.backend))
    player.end()

    #expect(bench.calls.suffix(2) == ["open 0", "start 0"])
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test(
    "a start that hangs is answered in time, its guest runs on the clock until the host is there (VS-030)")
  func hungStart() throws {
    let bench = try HostBench()
    #expect(bench.prepare().isSuccess)
    bench.backend.hang(in: .start)

    let begin = ContinuousClock.now
    let reply = bench.start()
    #expect(bench.becomes(.clock))
    #expect(reply.isSuccess)
    #expect(ContinuousClock.now - begin < .milliseconds(800))

    bench.backend.letGo(of: .start)
    let player = bench.play()
    #expect(bench.becomes(.backend))
    player.end()
    #expect(reply.count == 1)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a start that fails after its guest was told that it runs is tried again")
  func lateFailureOfStart() throws {
    let bench = try HostBench()
    #expect(bench.prepare().isSuccess)
    bench.backend.fail(in: .start, code: VSND_E_IO, text: "no")
    bench.backend.hang(in: .start)
    #expect(bench.start().isSuccess)

    bench.backend.letGo(of: .start)
    #expect(ScriptedBackend.waits { bench.calls.contains("close 0") })
    bench.backend.succeed(in: .start)
    let player = bench.play()

    #expect(bench.becomes(.backend))
    player.end()
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a pause while the host is away ends its reopening, a release too", arguments: [true, false])
  func stopWhileAway(pause: Bool) throws {
    let bench = try running()
    bench.backend.hang(in: .open)
    try #require(bench.backend.streams.first).fail(VSND_E_GONE)
    #expect(ScriptedBackend.waits { bench.backend.isHung(in: .open) })

    if pause { bench.stream.stop() } else { bench.stream.release(.discard) }
    #expect(bench.owner() == .nobody)
    bench.backend.letGo(of: .open)

    #expect(ScriptedBackend.waits { bench.backend.streams.isEmpty && bench.calls.last == "close 0" })
    usleep(150_000)
    #expect(bench.owner() == .nobody)
    #expect(bench.calls.filter { $0 == "start 0" }.count == 1)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("one stream's hung reopening leaves the clocks of the others alone")
  func othersGoOn() throws {
    let bench = try HostBench(streams: 2)
    #expect(bench.prepare(0).isSuccess)
    #expect(bench.prepare(1).isSuccess)
    #expect(bench.start(0).isSuccess)
    #expect(bench.start(1).isSuccess)
    let player = bench.play()
    bench.backend.hang(in: .open)
    try #require(bench.backend.streams.first { $0.index == 0 }).fail(VSND_E_GONE)
    #expect(ScriptedBackend.waits { bench.backend.isHung(in: .open) })

    #expect(bench.becomes(.backend, 1))
    bench.streams[1].stop()
    #expect(bench.start(1).isSuccess)
    #expect(bench.becomes(.clock, 0))

    bench.backend.letGo(of: .open)
    #expect(bench.becomes(.backend, 0))
    player.end()
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a start that a pause or a release overtakes is answered, once", arguments: [true, false])
  func overtakenStart(pause: Bool) throws {
    let bench = try HostBench()
    #expect(bench.prepare().isSuccess)
    bench.backend.hang(in: .start)
    let reply = bench.start()
    if pause { bench.stream.stop() } else { bench.stream.release(.discard) }

    #expect(reply.count == 1)
    bench.backend.letGo(of: .start)
    #expect(bench.host.shutDown(within: 1000))
    #expect(reply.count == 1)
    #expect(reply.isSuccess)
  }
}
