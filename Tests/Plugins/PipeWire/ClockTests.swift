// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers.PipeWire {
  @Suite(.serialized)
  struct ClockTests {
    /// The guest has 40 ms in four periods of 10 ms.
    @Test(
      "a guest keeps time at any quantum, also when it changes in mid-stream, and loses nothing to the plugin"
    )
    func keepsTime() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let instance = try SoundServers.PipeWire.instance()
      // What PipeWire itself drops of any client at a change: nothing in 0.3.65 unless the quantum shrinks, and up
      // to two of the old quanta in 1.4.2.
      let grown = try play(through: [1024, 2048, 8192], instance)
      grown.expectLoss(atMost: try SoundServers.PipeWire.isBefore1 ? 0 : 2 * (256 + 1024 + 2048))
      try play(through: [4096, 256], instance).expectLoss(atMost: 2 * 4096)
      withExtendedLifetime(server) {}
    }

    @Test("a guest keeps time when another sink becomes the driver, and when that leaves again")
    func changesDriver() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      try SoundServers.PipeWire.createSecondSink()
      var shape = Shape()
      shape.device = "vs_two"
      let echo = try Echo(try SoundServers.PipeWire.instance(), shape, monitor: "vs_two.monitor")
      try echo.start(frames: 48_000 * 3)
      // vs_out drives whatever it is linked to: its priority is the highest.
      for options in [[], ["-d"]] {
        usleep(300_000)
        try SoundServer.tool(["pw-link"] + options + ["vs_two:monitor_FL", "vs_out:playback_FL"])
        usleep(100_000)
        let (first, other) = (echo.player.feed.moments.count, echo.listener.feed.moments.count)
        usleep(550_000)
        expectPace(echo.player.feed.moments[first...], 1024, "playing")
        expectPace(echo.listener.feed.moments[other...], 1024, "recording")
      }
      echo.finish(within: 3)
      withExtendedLifetime(server) {}
    }

    private func play(through quanta: [Int], _ instance: Instance) throws -> Echo {
      let echo = try Echo(instance, Shape())
      try echo.start(frames: 48_000 * quanta.count)
      for quantum in quanta {
        try SoundServer.tool(["pw-metadata", "-n", "settings", "0", "clock.force-quantum", "\(quantum)"])
        usleep(350_000)
        let (first, other) = (echo.player.feed.moments.count, echo.listener.feed.moments.count)
        usleep(550_000)
        expectPace(echo.player.feed.moments[first...], quantum, "playing")
        expectPace(echo.listener.feed.moments[other...], quantum, "recording")
      }
      echo.finish(within: 3)
      return echo
    }

    /// Frames come at 48 kHz, and no further apart than a quantum or, where that is larger than the guest's buffer,
    /// than two periods.
    private func expectPace(_ moments: ArraySlice<FakeFeed.Moment>, _ quantum: Int, _ what: String) {
      guard let first = moments.first, let last = moments.last, moments.count > 4 else {
        Issue.record("\(what) at \(quantum): \(moments.count) commits")
        return
      }
      let rate = Double(last.after - first.after) / (last.time - first.time)
      #expect(abs(rate - 48_000) < 48_000 * 0.06, "\(what) at \(quantum)")
      let offsets = moments.map { Double($0.after) - 48_000 * ($0.time - first.time) }.sorted()
      let spread = offsets[offsets.count * 9 / 10] - offsets[offsets.count / 10]
      #expect(spread < Double(quantum > 1440 ? 960 : max(quantum, 480)) + 240, "\(what) at \(quantum)")
    }

    @Test("delays tell when a frame is heard, within a quantum", arguments: [512, 4096])
    func tellsDelay(quantum: Int) throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "\(quantum)", "-m", "\(quantum)")
      let echo = try Echo(try SoundServers.PipeWire.instance(), Shape())
      try echo.start(frames: 48_000)
      echo.finish(within: 3)
      echo.expectHeard()
      try echo.expectDelays(within: quantum)
      withExtendedLifetime(server) {}
    }
  }
}
