// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import Sound
import TestSupport
import Testing

@testable import Backend

@Suite("Audio contexts lent to a backend")
struct HostWorkerTests {
  @Test("without a descriptor, process() is called once each period with the frames that are due")
  func pacedByClock() throws {
    let bench = try HostBench(ScriptedBackend(capabilities: [.playback]))
    #expect(bench.prepare().isSuccess)
    let begin = MonotonicClock.now
    #expect(bench.start().isSuccess)
    #expect(ScriptedBackend.waits { bench.backend.processed.count >= 10 })
    bench.stream.stop()
    let elapsed = MonotonicClock.now - begin
    let frames = bench.backend.processed.reduce(0) { $0 + UInt64($1) }

    // Never early, and never more than is due.
    #expect(frames * 1_000_000_000 / 48_000 <= elapsed)
    #expect(bench.backend.processed.allSatisfy { $0 % 480 == 0 && $0 <= 1920 })
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("after stop and the barrier of its call, process() is not called again (R5)")
  func stopIsABarrier() throws {
    let bench = try HostBench(ScriptedBackend(capabilities: [.playback]))
    #expect(bench.prepare().isSuccess)
    #expect(bench.start().isSuccess)
    #expect(ScriptedBackend.waits { bench.backend.processed.count >= 2 })

    bench.stream.stop()
    #expect(ScriptedBackend.waits { bench.backend.calls.last == "stop 0 hold" })
    let count = bench.backend.processed.count
    usleep(40_000)

    #expect(bench.backend.processed.count == count)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("with a descriptor, process() is called when it is readable, at most once a millisecond in vain")
  func wokenByDescriptor() throws {
    let backend = ScriptedBackend(capabilities: [.playback])
    let wake = try Descriptor.event()
    backend.wake(by: wake.raw)
    let bench = try HostBench(backend)
    #expect(bench.prepare().isSuccess)
    #expect(bench.start().isSuccess)
    usleep(20_000)
    #expect(backend.processed.isEmpty)

    let begin = MonotonicClock.now
    wake.signal()
    #expect(ScriptedBackend.waits { backend.processed.count >= 20 })
    let count = UInt64(backend.processed.count)
    let elapsed = MonotonicClock.now - begin

    #expect(backend.processed.allSatisfy { $0 == 0 })
    #expect(count <= elapsed / 1_000_000 + 1)
    #expect(bench.host.shutDown(within: 1000))
  }

  @Test("a process() that hangs costs the guest nothing but the host (VS-088)")
  func hungStep() throws {
    let bench = try HostBench(ScriptedBackend(capabilities: [.playback]))
    #expect(bench.prepare().isSuccess)
    bench.backend.hang(in: .process)
    #expect(bench.start().isSuccess)

    #expect(bench.becomes(.clock))
    bench.backend.letGo(of: .process)
    #expect(bench.becomes(.backend))
    #expect(bench.host.shutDown(within: 1000))
  }
}
