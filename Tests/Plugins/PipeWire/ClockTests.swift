// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

extension SoundServers.PipeWire {
  @Suite(.serialized)
  struct ClockTests {
    /// The guest has 40 ms in four periods of 10 ms.
    @Test("a guest keeps time at any quantum, also when it changes in mid-stream, and loses nothing")
    func keepsTime() throws {
      let server = try SoundServers.PipeWire.server("-w", "-q", "1024")
      let instance = try SoundServers.PipeWire.instance()
      try play(through: [1024, 2048, 8192], instance).expectHeard()
      // When the quantum shrinks, PipeWire cuts what a recording of a monitor has not fetched: only time is judged.
      _ = try play(through: [4096, 256], instance)
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
