// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

/// The alsa backend with PCMs of a private configuration; see Tests/Servers/alsa-env.
final class ALSABench {
  let environment: SoundServer
  let host = FakeHost()
  let instance: Instance

  /// - Parameter arguments: of alsa-env.
  init(_ arguments: [String] = [], _ options: KeyValuePairs<String, String> = [:]) throws {
    environment = try SoundServer("alsa-env", arguments, folder: "VS_ALSA_DIR")
    instance = try LoadedPlugin("alsa").instance(options, host: host)
  }

  /// What vs_file and vs_tee wrote.
  var written: [UInt8] {
    [UInt8](FileManager.default.contents(atPath: environment.folder + "/out.raw") ?? Data())
  }

  /// What vs_file records.
  func lay(_ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(filePath: environment.folder + "/in.raw"))
  }

  /// Plays `bytes` to their end.
  @discardableResult
  func play(_ bytes: [UInt8], _ shape: Shape, within seconds: Double = 10) throws -> FakeFeed {
    let feed = FakeFeed(playing: bytes, frameBytes: shape.frameBytes)
    feed.cuts = [7, 1, 100, 64]
    let stream = try instance.open(shape, feed)
    try stream.start()
    Self.wait(seconds) { feed.ready == 0 || !feed.failures.isEmpty }
    stream.stop()
    return feed
  }

  /// Records `frames` frames.
  func record(_ frames: Int, _ shape: Shape, within seconds: Double = 10) throws -> FakeFeed {
    let feed = FakeFeed(recording: frames, frameBytes: shape.frameBytes)
    feed.cuts = [7, 1, 100, 64]
    let stream = try instance.open(shape, feed)
    try stream.start()
    Self.wait(seconds) { feed.ready == 0 || !feed.failures.isEmpty }
    stream.stop(VSND_STOP_DISCARD)
    return feed
  }

  /// Waits until `condition` holds, and fails when it does not in time.
  static func wait(_ seconds: Double = 10, _ condition: () -> Bool, line: Int = #line) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !condition() {
      guard ContinuousClock.now < deadline else {
        Issue.record("nothing came within \(seconds) s, line \(line)")
        return
      }
      usleep(2000)
    }
  }

  /// Full-scale samples that do not repeat, without a frame of silence.
  static func noise(_ bytes: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<bytes).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 32) | 1
    }
  }

  /// Whether all of `sent` arrived in order, with nothing but silence before, between and after; in words.
  ///
  /// - Returns: nil when it did.
  static func flaw(_ sent: [UInt8], in heard: [UInt8], frameBytes: Int, gaps: Bool = true) -> String? {
    var at = 0
    var place = heard.firstIndex { $0 != 0 }.map { $0 / frameBytes * frameBytes } ?? heard.count
    let lead = place / frameBytes
    while at < sent.count {
      guard place + frameBytes <= heard.count else {
        return "\((sent.count - at) / frameBytes) of \(sent.count / frameBytes) frames are missing at the end"
      }
      if sent[at..<at + frameBytes] == heard[place..<place + frameBytes] {
        at += frameBytes
      } else if !gaps || heard[place..<place + frameBytes].contains(where: { $0 != 0 }) {
        return "frame \(at / frameBytes) is not at \(place / frameBytes), behind \(lead) of silence"
      }
      place += frameBytes
    }
    return heard[place...].allSatisfy { $0 == 0 } ? nil : "there is more behind the end"
  }
}

extension Need {
  /// What tests of this backend need.
  static var alsa: String? { lacking(programs: [], plugin: "alsa") }
}
