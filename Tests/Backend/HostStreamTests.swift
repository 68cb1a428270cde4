// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import PluginABI
import Sound
import TestSupport
import Testing

@testable import Backend

@Suite("A stream on the host")
struct HostStreamTests {
  @Test("open, start, pause, start, pause and close reach the backend in order, with their modes")
  func order() throws {
    let bench = try HostBench()

    #expect(bench.prepare().isSuccess)
    #expect(bench.start().isSuccess)
    #expect(bench.sees(["open 0", "start 0"]))
    bench.stream.stop()
    #expect(bench.start().isSuccess)
    #expect(bench.sees(["open 0", "start 0", "stop 0 hold", "start 0"]))
    bench.stream.stop()
    bench.stream.release(.drain)

    #expect(
      bench.sees(["open 0", "start 0", "stop 0 hold", "start 0", "stop 0 hold", "stop 0 drain", "close 0"]))
    #expect(bench.host.shutDown(within: 1000))
    #expect(bench.calls.last == "destroy")
  }

  @Test("a stream that was never started is closed without a stop")
  func closeWithoutStart() throws {
    let bench = try HostBench()

    #expect(bench.prepare().isSuccess)
    bench.stream.release(.discard)

    #expect(bench.sees(["open 0", "close 0"]))
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("preparing again changes nothing, or opens anew when the parameters are others (VS-077)")
  func prepareAgain() throws {
    let bench = try HostBench()
    #expect(bench.prepare().isSuccess)
    #expect(bench.prepare().isSuccess)
    #expect(bench.calls == ["open 0"])

    let reply = Reply()
    bench.stream.prepare(HostBench.parameters(rate: .hz44100)) { reply.give($0) }

    #expect(reply.isSuccess)
    #expect(bench.calls == ["open 0", "close 0", "open 0"])
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("the feed belongs to the backend from start on, and to nobody once stop() has returned")
  func owner() throws {
    let bench = try HostBench()
    #expect(bench.owner() == .nobody)
    #expect(bench.prepare().isSuccess)
    #expect(bench.owner() == .nobody)
    #expect(bench.start().isSuccess)
    #expect(bench.owner() == .backend)

    bench.stream.stop()
    #expect(bench.owner() == .nobody)
    #expect(bench.start().isSuccess)
    bench.stream.release(.discard)
    #expect(bench.owner() == .nobody)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("what the backend says about a failing open or start is the answer, and the feed is nobody's")
  func failures() throws {
    let bench = try HostBench()
    bench.backend.fail(in: .open, code: VSND_E_BUSY, text: "in use")
    #expect(bench.prepare().error == BackendError(code: VSND_E_BUSY, text: "in use"))
    bench.backend.succeed(in: .open)
    #expect(bench.prepare().isSuccess)
    bench.backend.fail(in: .start, code: VSND_E_UNSUPPORTED, text: "cannot")

    #expect(bench.start().error == BackendError(code: VSND_E_UNSUPPORTED, text: "cannot"))

    #expect(bench.owner() == .nobody)
    bench.backend.succeed(in: .start)
    #expect(bench.start().isSuccess)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("the log says once which periods the guest and the host use")
  func reportsParameters() throws {
    let bench = try HostBench()
    #expect(bench.prepare().isSuccess)
    bench.stream.release(.discard)
    #expect(bench.prepare().isSuccess)

    #expect(
      bench.log.lines == [
        "info: stream 0 (test): S16 at 48000 Hz, 2 channels; the guest uses periods of 480 frames and a buffer "
          + "of 1920, the host 480 and 1920"
      ])
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("an open that was given up while it hung is closed when it returns, and nobody hears of it")
  func abandonedOpen() throws {
    let bench = try HostBench()
    bench.backend.hang(in: .open)
    let first = bench.prepare()
    #expect(ScriptedBackend.waits { bench.backend.isHung(in: .open) })

    bench.stream.release(.discard)
    let second = bench.prepare()
    bench.backend.letGo(of: .open)

    #expect(second.isSuccess)
    #expect(first.count == 0)
    #expect(bench.calls == ["open 0", "close 0", "open 0"])
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a hung open holds up no other stream of a parallel backend", arguments: [true, false])
  func otherStreams(parallel: Bool) throws {
    let bench = try HostBench(
      ScriptedBackend(
        capabilities: parallel ? [.playback, .ownThread, .parallel] : [.playback, .ownThread]),
      streams: 2)
    #expect(bench.prepare(1).isSuccess)
    bench.backend.hang(in: .open)
    let hung = bench.prepare(0)
    #expect(ScriptedBackend.waits { bench.backend.isHung(in: .open) })

    let other = bench.start(1)

    // Without .parallel the call has to wait, but not the guest: it goes on after half a second.
    #expect(other.isSuccess)
    #expect(bench.backend.calls.contains("start 1") == parallel)
    bench.backend.letGo(of: .open)
    #expect(hung.isSuccess)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test(
    "control calls return at once while any call hangs",
    arguments: [ScriptedBackend.Call.open, .stop, .close])
  func neverWaits(hanging: ScriptedBackend.Call) throws {
    let bench = try HostBench()
    if hanging != .open {
      #expect(bench.prepare().isSuccess)
      #expect(bench.start().isSuccess)
    }
    bench.backend.hang(in: hanging)

    let elapsed = ContinuousClock().measure {
      for _ in 0..<10 {
        _ = bench.prepare()
        _ = bench.start()
        bench.stream.stop()
        bench.stream.release(.discard)
      }
    }

    #expect(elapsed < .milliseconds(500))
    bench.backend.letGo(of: hanging)
    #expect(bench.host.shutDown(within: 2000))
  }

  @Test(
    "the end waits no longer than it is told for a backend that hangs (VU-205)",
    arguments: [ScriptedBackend.Call.open, .start, .stop, .close, .destroy])
  func shutdownIsBounded(hanging: ScriptedBackend.Call) throws {
    let bench = try HostBench()
    bench.backend.hang(in: hanging)
    let opened = bench.prepare()
    #expect(hanging == .open ? bench.backend.waitsUntilHung(in: .open) : opened.isSuccess)
    let started = bench.start()
    #expect(
      hanging == .open || (hanging == .start ? bench.backend.waitsUntilHung(in: .start) : started.isSuccess))

    var ended = true
    let elapsed = ContinuousClock().measure { ended = bench.host.shutDown(within: 100) }

    #expect(!ended)
    // 100 ms, and what a busy machine adds.
    #expect(elapsed < .milliseconds(900))
    bench.backend.letGo(of: hanging)
    // What is left behind still uses the feeds until it is let go.
    #expect(ScriptedBackend.waits { bench.backend.streams.isEmpty })
    usleep(50_000)
  }

  @Test("a hundred cycles leave no thread and no descriptor behind", .serialized, arguments: [true, false])
  func noLeaks(ownThread: Bool) throws {
    let bench = try HostBench(
      ScriptedBackend(capabilities: ownThread ? [.playback, .ownThread] : [.playback]))
    let cycle = {
      #expect(bench.prepare().isSuccess)
      #expect(bench.start().isSuccess)
      bench.stream.stop()
      #expect(bench.start().isSuccess)
      bench.stream.release(.discard)
    }
    cycle()
    for _ in 0..<100 { cycle() }

    #expect(ScriptedBackend.waits { bench.backend.streams.isEmpty })
    #expect(bench.backend.calls.filter { $0 == "open 0" }.count == 101)
    #expect(bench.backend.calls.filter { $0 == "close 0" }.count == 101)
    // Other tests run beside this one: only a leak of one each cycle shows for sure.
    #expect(HostStreamTests.count("/proc/self/fd") < 100 + 64)
    #expect(HostStreamTests.count("/proc/self/task") < 100 + 64)
    #expect(bench.host.shutDown(within: 1000))
  }

  private static func count(_ path: String) -> Int {
    guard let directory = opendir(path) else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
  }
}
