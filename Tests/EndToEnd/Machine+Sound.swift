// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

/// What the guest's tool says of one stream that it played or recorded.
struct Report {
  let isDone: Bool
  private let fields: [Substring: Substring]

  init(line: Substring) {
    let words = line.split(separator: " ")
    isDone = words.first == "done"
    fields = words.dropFirst().reduce(into: [:]) { fields, word in
      let pair = word.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { fields[pair[0]] = pair[1] }
    }
  }

  var seconds: Double { Double(fields["seconds"] ?? "") ?? 0 }
  func number(_ name: Substring) -> Int { Int(fields[name] ?? "") ?? 0 }
  /// Interruptions that the guest's own lateness caused.
  var xruns: Int { number("xruns") + number("stalls") }

  /// The reports in a tool's output.
  static func all(in output: String) -> [Report] {
    output.split(separator: "\n").filter { $0.hasPrefix("done ") || $0.hasPrefix("broken ") }
      .map(Report.init(line:))
  }
}

extension Machine {
  /// Bytes of 16-bit stereo.
  static let stereo = 4

  var playedBytes: Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/out.raw")
    return (attributes?[.size] as? Int) ?? 0
  }

  /// What the daemon wrote behind the first bytes of its file.
  func played(from offset: Int) throws -> [UInt8] {
    let data = try Data(contentsOf: URL(filePath: folder + "/out.raw"))
    return Array(data.dropFirst(offset))
  }

  /// Gives the guest a file in its memory, where reading it costs no time while it plays.
  func give(_ bytes: [UInt8], as name: String) throws {
    try Data(bytes).write(to: URL(filePath: guest.share + "/" + name))
    try guest.need("cp /share/\(name) /tmp/\(name)")
  }

  func take(_ name: String) throws -> [UInt8] {
    try guest.need("cp /tmp/\(name) /share/\(name)")
    return try Array(Data(contentsOf: URL(filePath: guest.share + "/" + name)))
  }

  /// Plays a 16-bit stereo pattern with the tool and these options, and compares what arrived.
  @discardableResult
  func expectExactPlayback(seconds: Double = 1, _ options: String = "", pausing: Bool = false) throws
    -> Report
  {
    let sent = Pattern.bytes(values: Int(seconds * 48000) * 2)
    try give(sent, as: "pattern.raw")
    let before = playedBytes
    let outcome = try guest.run("pcm play /tmp/pattern.raw \(options)")
    let report = try #require(Report.all(in: outcome.output).first, "\(outcome.output)")
    try #require(outcome.status == 0, "\(outcome.output)")

    try expectComplete(sent, from: before, mayGap: report.xruns > 0 || pausing)
    return report
  }

  /// Expects nothing but the sent bytes, of streams of different formats one after the other.
  func expectIdentical(_ sent: [UInt8], from offset: Int, _ reports: [Report]) throws {
    let arrived = try played(from: offset)
    let first = zip(sent, arrived).enumerated().first { $1.0 != $1.1 }?.offset
    let late = reports.map(\.xruns)
    #expect(
      arrived == sent, "\(arrived.count) of \(sent.count), different from \(first ?? -1) on, xruns \(late)")
  }

  /// Compares what was written since then.
  ///
  /// Gaps are silence, and only a guest that was late has them.
  func expectComplete(_ sent: [UInt8], from offset: Int, mayGap: Bool) throws {
    let comparison = Comparison(
      sent: sent, recorded: try played(from: offset), frameBytes: Machine.stereo)
    #expect(comparison.hasAllFrames, "\(comparison)")
    if !mayGap { #expect(comparison.gaps.isEmpty, "\(comparison)") }
  }

  /// Checks that the guest recorded a piece of the microphone's file as it is.
  ///
  /// - Parameter restarts: how often the guest started anew after an overrun, each time at the file's begin.
  func expectFromMicrophone(_ recorded: [UInt8], frameBytes: Int, restarts: Int) {
    let heard = Array(recorded.drop { $0 == 0 })
    // Dropping zeros may have cut a frame, whose rest is not a whole frame either.
    let whole = Array(heard.suffix(heard.count / frameBytes * frameBytes))
    let source = Array(repeatElement(Pattern.microphone, count: restarts + 2).joined())
    let comparison = Comparison(sent: whole, recorded: source, frameBytes: frameBytes)
    #expect(
      whole.count >= recorded.count / 2, "silence: \(recorded.count) bytes, \(whole.count) of them heard")
    #expect(comparison.losses.isEmpty && comparison.missingAtEnd == 0, "\(comparison)")
    if restarts == 0 { #expect(comparison.gaps.isEmpty, "frames of the file are missing: \(comparison)") }
  }
}
