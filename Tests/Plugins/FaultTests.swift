// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The fault backend does what it is told")
struct FaultTests {
  let plugin: LoadedPlugin

  init() throws { plugin = try LoadedPlugin("fault") }

  private func feed(_ frames: Int = 1000) -> FakeFeed {
    FakeFeed(playing: pattern(frames * 4), frameBytes: 4)
  }

  @Test("without options it behaves")
  func behaves() throws {
    let feed = feed()

    try plugin.instance().open(Shape(), feed).run()

    #expect(feed.committed == 1000)
    #expect(feed.violations == 0)
    #expect(feed.xruns.isEmpty)
  }

  @Test(
    "open fails with the code that was asked for, after as many as were asked for",
    arguments: [
      ("io", VSND_E_IO), ("busy", VSND_E_BUSY), ("gone", VSND_E_GONE), ("denied", VSND_E_DENIED),
      ("timeout", VSND_E_TIMEOUT), ("unsupported", VSND_E_UNSUPPORTED), ("nomem", VSND_E_NOMEM),
    ])
  func failsToOpen(name: String, code: Int32) throws {
    let instance = try plugin.instance(["fail-open": name, "after": "2"])
    _ = try instance.open(Shape(), feed())
    _ = try instance.open(Shape(), feed())

    let failure = #expect(throws: PluginFailure.self) { try instance.open(Shape(), feed()) }

    #expect(failure?.code == code)
    #expect(failure?.text == "open number 3 fails, as it was told")
  }

  @Test("each Nth step reports an xrun, and each commit the delay")
  func xrunsAndDelay() throws {
    let feed = feed()

    try plugin.instance(["xrun-every": "3", "delay-frames": "480"]).open(Shape(), feed).run(step: 100)

    #expect(feed.xruns == [100, 100, 100])
    #expect(feed.delays == [Int64?](repeating: 480, count: 10))
  }

  @Test("the host goes away and comes back, for running streams and for new ones")
  func goneAndBack() throws {
    let host = FakeHost()
    let instance = try plugin.instance(["gone-after": "100ms", "back-after": "300ms"], host: host)
    let feed = feed(1_000_000)
    let stream = try instance.open(Shape(), feed)
    let begin = ContinuousClock.now
    try stream.start()
    stream.process(due: 1)
    #expect(feed.failures.isEmpty)

    while feed.failures.isEmpty, ContinuousClock.now - begin < .seconds(5) {
      stream.process(due: 1)
      usleep(1000)
    }
    let failure = #expect(throws: PluginFailure.self) { try instance.open(Shape(stream: 1), self.feed()) }
    var again: OpenStream?
    while again == nil, ContinuousClock.now - begin < .seconds(5) {
      again = try? instance.open(Shape(stream: 1), self.feed())
      usleep(1000)
    }

    #expect(feed.failures == [VSND_E_GONE])
    #expect(failure?.code == VSND_E_GONE)
    #expect(ContinuousClock.now - begin >= .milliseconds(300))
    while host.events.count < 2, ContinuousClock.now - begin < .seconds(5) { usleep(1000) }
    #expect(host.events == [VSND_EVENT_LOST, VSND_EVENT_RESTORED])
  }

  @Test("an instance can be destroyed while it waits for its host to go away")
  func destroyedWhileWaiting() throws {
    let begin = ContinuousClock.now
    try plugin.instance(["gone-after": "60s"]).open(Shape(), feed(10)).run()

    #expect(ContinuousClock.now - begin < .seconds(30))
  }

  @Test("a call hangs for as long as was asked", arguments: ["open", "start", "stop", "close", "process"])
  func hangs(call: String) throws {
    let instance = try plugin.instance(["hang-in": call, "hang-for": "150ms", "hang-stream": "1"])
    func time(_ stream: UInt32) throws -> Duration {
      let begin = ContinuousClock.now
      try instance.open(Shape(stream: stream), feed(10)).run()
      return ContinuousClock.now - begin
    }

    let other = try time(0)
    let first = try time(1)
    let second = try time(1)

    #expect(first >= .milliseconds(150))
    // A second call does not hang: hang-times is 1. A stream of its own has a step of its own.
    #expect(call == "process" || second < first)
    #expect(other < first)
  }

  @Test("it breaks the rules of loans when asked to", arguments: ["double-acquire", "over-commit"])
  func breaksRules(option: String) throws {
    let feed = feed()

    try plugin.instance([option: "true"]).open(Shape(), feed).run(step: 100)

    #expect(feed.violations == 10)
    #expect(feed.committed == 1000)
  }

  @Test("capture counts frames")
  func counter() throws {
    let feed = FakeFeed(recording: 300, frameBytes: 8)
    feed.cuts = [7]

    try plugin.instance(["capture": "counter"])
      .open(Shape(direction: VSND_CAPTURE, format: 17), feed).run(step: 100)

    let expected = (0..<300).flatMap { frame -> [UInt8] in
      let sample = withUnsafeBytes(of: UInt32(frame).littleEndian) { [UInt8]($0) }
      return sample + sample
    }
    #expect(feed.data == expected)
  }

  @Test("what is played can be kept in a file")
  func play() throws {
    let folder = try Folder()

    try plugin.instance(["play": folder.file("out.raw")]).open(Shape(), feed()).run()

    #expect(try folder.read("out.raw") == pattern(4000))
  }

  @Test("fault-thread drives itself at the rate of the stream, and nothing moves after stop")
  func ownThread() throws {
    let plugin = try LoadedPlugin("fault-thread")
    let feed = feed(480_000)
    let stream = try plugin.instance().open(Shape(), feed)
    #expect(plugin.info.pointee.capabilities & UInt64(VSND_CAP_OWN_THREAD) != 0)

    try stream.start()
    usleep(200_000)
    stream.stop(VSND_STOP_DISCARD)
    let committed = feed.committed
    usleep(30_000)

    // 20 periods fit into 200 ms, and the first comes at once.
    #expect(committed >= 480)
    #expect(committed <= 480 * 200)
    #expect(committed % 480 == 0)
    #expect(feed.committed == committed)
  }
}
