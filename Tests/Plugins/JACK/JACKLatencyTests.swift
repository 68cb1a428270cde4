// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

extension SoundServers.JACK {
  /// Frames of a guest's period and of the graph's cycle.
  struct Lengths: CustomTestStringConvertible {
    let guest: Int
    let cycle: Int

    var testDescription: String { "periods of \(guest), cycles of \(cycle)" }

    static let all = [(64, 64), (480, 64), (256, 256), (480, 256), (4096, 256), (1024, 1024), (1200, 1024)]
      .map {
        Lengths(guest: $0, cycle: $1)
      }
  }

  @Test(
    "from guest to guest it takes a period of the guest and a cycle of the graph at most",
    arguments: Lengths.all)
  func roundTrip(lengths: Lengths) throws {
    let server = try Self.server(period: lengths.cycle)
    let instance = try Self.client("echo")
    var shape = Shape(period: UInt32(lengths.guest))
    let player = FakeFeed(playing: [], frameBytes: shape.frameBytes)
    let playing = try instance.open(shape, player)
    shape.direction = VSND_CAPTURE
    shape.stream = 1
    shape.device = "^echo:playback_"
    let ear = FakeFeed(recording: 1 << 24, frameBytes: shape.frameBytes)
    let recording = try instance.open(shape, ear)
    try playing.start()
    try recording.start()
    #expect(settles(within: 2) { ear.committed > 0 }, "nothing is recorded")

    var delays: [Int] = []
    for click in 1...12 {
      var period = [UInt8](repeating: 0, count: lengths.guest * shape.frameBytes)
      period[0] = UInt8(click)
      let start = ear.committed
      player.append(period)
      let isHeard = settles(within: 1) {
        player.ready == 0 && ear.committed > start + lengths.guest + 3 * lengths.cycle
      }
      #expect(isHeard, "it stands still")
      let heard = ear.data[(start * shape.frameBytes)...].firstIndex(of: UInt8(click))
      let frame = try #require(heard, "click \(click) is not heard") / shape.frameBytes
      // The guest sees it when its period is full, which is at the end of a cycle.
      let full = Self.rounded(Self.rounded(frame + 1, lengths.guest), lengths.cycle)
      delays.append(full - start)
      usleep(useconds_t(1000 * click))
    }
    playing.stop(VSND_STOP_DISCARD)
    recording.stop(VSND_STOP_DISCARD)
    withExtendedLifetime(server) {}
    // One click in twelve may come just when the cycle has left playback behind.
    let most = delays.sorted()[10]
    #expect(most <= lengths.guest + lengths.cycle, "\(delays)")
  }

  private static func rounded(_ frames: Int, _ unit: Int) -> Int { (frames + unit - 1) / unit * unit }
}
