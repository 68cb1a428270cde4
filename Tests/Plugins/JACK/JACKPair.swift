// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

/// A graph with two VMs, of which one records what the other plays.
final class JACKPair {
  let player: Instance
  let listener: Instance
  private let server: SoundServer

  init(period: Int) throws {
    server = try SoundServers.JACK.server(period: period)
    player = try SoundServers.JACK.client("player")
    listener = try SoundServers.JACK.client("listener")
  }

  /// What one plays and the other records is the same, without a gap.
  func expectExact(_ shape: Shape, _ bytes: [UInt8]) throws {
    let heard = try record(shape, bytes)
    let sent = GuestOnFeed.trimmed(bytes, frameBytes: shape.frameBytes)
    #expect(
      GuestOnFeed.trimmed(heard, frameBytes: shape.frameBytes) == sent, "\(shape): \(sent.count) bytes")
  }

  /// The same where a late guest, or a stalled machine, may have made a gap.
  func expectAll(_ shape: Shape, _ bytes: [UInt8]) throws {
    var input = shape
    input.period = 480
    input.buffer = 4800
    let heard = try record(shape, bytes, as: input)
    #expect(
      GuestOnFeed.heard(heard, frameBytes: shape.frameBytes)
        == GuestOnFeed.heard(bytes, frameBytes: shape.frameBytes))
  }

  /// Plays on one client and records its ports on another.
  private func record(_ shape: Shape, _ bytes: [UInt8], as given: Shape? = nil) throws -> [UInt8] {
    var input = given ?? shape
    input.direction = VSND_CAPTURE
    input.device = "player:playback_"
    let output = GuestOnFeed(shape, playing: bytes)
    let playing = try player.open(shape, output.feed)
    let ear = GuestOnFeed(recording: input)
    let recording = try listener.open(input, ear.feed)
    try recording.start()
    #expect(settles(within: 2) { ear.feed.committed > 0 }, "nothing is recorded")
    #expect(settles(within: 2) { Self.isConnected() }, "the ports are not connected")

    try playing.start()
    let seconds = Double(bytes.count / shape.frameBytes) / Double(shape.rate)
    #expect(settles(within: seconds + 3) { output.isDone }, "played \(output.feed.committed)")
    playing.end()
    let end = ear.feed.committed
    _ = settles(within: 1) { ear.feed.committed > end + 4800 }
    recording.stop(VSND_STOP_DISCARD)
    output.end()
    ear.end()

    #expect(output.feed.violations == 0)
    #expect(ear.feed.violations == 0)
    return ear.feed.data
  }

  /// Whether a port of the listener has a connection.
  private static func isConnected() -> Bool {
    let ports = (try? SoundServer.tool(["jack_lsp", "-c", "listener"])) ?? ""
    return ports.contains("   player:")
  }
}
