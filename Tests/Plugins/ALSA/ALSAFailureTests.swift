// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers {
  /// A PCM that runs inside libasound and fails on purpose; see Tests/CScriptedPCM.
  @Suite(
    "ALSA: devices that fail", .serialized, .enabled(if: Need.alsa == nil, "\(Need.alsa ?? "")"))
  struct ALSAFailureTests {
    private let shape = Shape(device: "vs_scripted")

    private func bench(_ script: String, _ options: KeyValuePairs<String, String> = [:]) throws -> ALSABench {
      setenv("VS_SCRIPT", script, 1)
      let bench = try ALSABench([], options)
      setenv("VS_SCRIPT_OUT", bench.environment.folder + "/out.raw", 1)
      setenv("VS_SCRIPT_LOG", bench.environment.folder + "/log", 1)
      return bench
    }

    private func log(_ bench: ALSABench) -> [Substring] {
      let data = FileManager.default.contents(atPath: bench.environment.folder + "/log") ?? Data()
      return String(decoding: data, as: UTF8.self).split(separator: "\n")
    }

    @Test(
      "a device that keeps time gets every frame, with any access and whatever its descriptors say",
      arguments: ["", "planar", "poll=never", "poll=always"], ["on", "off"])
    func plays(script: String, mmap: String) throws {
      let bench = try bench(script, ["mmap": mmap])
      for format in [UInt32(5), 11, 15] {
        var shape = shape
        shape.format = format
        let sent = ALSABench.noise(9600 * shape.frameBytes)
        let begin = ContinuousClock.now
        var cpu = Self.processorTime

        let feed = try bench.play(sent, shape)
        cpu = Self.processorTime - cpu

        #expect(ContinuousClock.now - begin > .milliseconds(180))
        #expect(feed.failures.isEmpty)
        #expect(ALSABench.flaw(sent, in: bench.written, frameBytes: shape.frameBytes) == nil)
        #expect(feed.delays.compactMap { $0 }.allSatisfy { $0 > 0 && $0 <= 1920 + 480 })
        // Polling this test's own condition costs some, too.
        #expect(cpu < 0.15, "the thread spins")
        try FileManager.default.removeItem(atPath: bench.environment.folder + "/out.raw")
      }
    }

    @Test("a device that keeps time is recorded completely", arguments: ["", "planar"], ["on", "off"])
    func records(script: String, mmap: String) throws {
      let bench = try bench(script, ["mmap": mmap])
      var shape = shape
      shape.direction = VSND_CAPTURE
      shape.format = 17
      shape.channels = 1

      let feed = try bench.record(9600, shape)

      let numbers = feed.data.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
      #expect(numbers == Array(1...9600))
    }

    @Test(
      "what stops a device once is mended: everything is played, and the loss is reported",
      arguments: ["at=4800 become=xrun", "at=4800 become=setup", "at=4800 stall", "at=4800 become=suspended"])
    func mends(script: String) throws {
      let bench = try bench(script)
      let sent = ALSABench.noise(14_400 * 4)

      let feed = try bench.play(sent, shape)

      #expect(feed.failures.isEmpty)
      #expect(feed.ready == 0)
      #expect(!feed.xruns.isEmpty)
      #expect(ALSABench.flaw(sent, in: bench.written, frameBytes: 4) == nil)
      if script.contains("suspended") { #expect(log(bench).contains("resume")) }
    }

    @Test(
      "a device that is prepared for ever without going on fails after a few tries",
      arguments: [
        "at=1 become=xrun times=1000000", "at=1 become=setup times=1000000", "at=1 stall times=100",
      ])
    func givesUp(script: String) throws {
      let bench = try bench(script)
      let feed = FakeFeed(playing: ALSABench.noise(48_000 * 4), frameBytes: 4)
      do {
        let stream = try bench.instance.open(shape, feed)
        try stream.start()
        ALSABench.wait { !feed.failures.isEmpty }
        stream.stop(VSND_STOP_DISCARD)
      }

      #expect(feed.failures == [VSND_E_IO])
      #expect(log(bench).filter { $0 == "prepare" }.count <= 8)
      #expect(bench.host.logged.contains { $0.text.hasPrefix("vs_scripted failed: ") })
    }

    @Test("a device that is unplugged fails at once, and the log says so")
    func unplugged() throws {
      let bench = try bench("at=4800 become=disconnected")

      let feed = try bench.play(ALSABench.noise(48_000 * 4), shape)

      #expect(feed.failures == [VSND_E_GONE])
      #expect(bench.host.logged.contains { $0.text == "vs_scripted failed: No such device" })
    }

    @Test(
      "a call that does not return holds up neither stop nor close for long, and the next stream plays",
      arguments: ["at=4800 hang=transfer", "hang=prepare", "hang=drop", "hang=drain", "hang=close"])
    func hangs(script: String) throws {
      let bench = try bench(script)
      let feed = FakeFeed(playing: ALSABench.noise(48_000 * 4), frameBytes: 4)
      var stream: OpenStream? = try bench.instance.open(shape, feed)
      if script != "hang=prepare" {
        try stream?.start()
        ALSABench.wait { feed.committed >= 4000 }
        usleep(150_000)
      } else {
        try? stream?.start()
        usleep(50_000)
      }

      let begin = ContinuousClock.now
      stream?.stop(script == "hang=drain" ? VSND_STOP_DRAIN : VSND_STOP_DISCARD)
      let stopped = ContinuousClock.now - begin
      let committed = feed.committed
      stream = nil
      let closed = ContinuousClock.now - begin

      #expect(stopped < .milliseconds(200))
      #expect(closed < .milliseconds(2500))
      #expect(bench.host.logged.contains { $0.text.contains("does not return") })
      setenv("VS_SCRIPT", "", 1)
      #expect(try bench.play(ALSABench.noise(4800 * 4), shape).ready == 0)
      #expect(feed.committed == committed, "a feed is not touched after stop")
    }

    @Test("a pause longer than the buffer loses nothing")
    func pauses() throws {
      let bench = try bench("")
      let sent = ALSABench.noise(19_200 * 4)
      let feed = FakeFeed(playing: sent, frameBytes: 4)
      do {
        let stream = try bench.instance.open(shape, feed)
        try stream.start()
        ALSABench.wait { feed.committed >= 9600 }
        stream.stop(VSND_STOP_HOLD)
        usleep(400_000)
        try stream.start()
        ALSABench.wait { feed.ready == 0 }
        stream.stop(VSND_STOP_DRAIN)
      }

      #expect(ALSABench.flaw(sent, in: bench.written, frameBytes: 4) == nil)
      #expect(feed.xruns.isEmpty)
    }

    private static var processorTime: Double {
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      let times = [usage.ru_utime, usage.ru_stime]
      return times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
  }
}
