// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport

// What a user does with PipeWire's tools.

extension SoundServers.PipeWire {
  /// Whether this is PipeWire 0.3.
  static var isBefore1: Bool {
    get throws { try SoundServer.tool(["pipewire", "--version"]).contains("libpipewire 0.") }
  }

  /// Adds the sink vs_two, a driver of its own.
  static func createSecondSink() throws {
    let sink = """
      { factory.name=support.null-audio-sink node.name=vs_two node.description="Second" media.class=Audio/Sink \
      audio.channels=2 audio.position=[ FL FR ] audio.format=F32P priority.session=1000 object.linger=true }
      """
    try SoundServer.tool(["sh", "-c", "pw-cli create-node adapter '\(sink)'"])
  }

  /// The number of a node, by its name.
  static func node(_ name: String) throws -> String {
    var id = ""
    for line in try SoundServer.tool(["pw-cli", "ls", "Node"]).split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.first == "id" { id = String(words[1].dropLast()) }
      if line.contains("node.name = \"\(name)\"") { return id }
    }
    throw SoundServer.ServerFailure(text: "there is no node \(name)")
  }

  /// Waits until two ports are linked; false when they are not after two seconds.
  static func settlesOnLink(_ from: String, _ to: String) throws -> Bool {
    for _ in 0..<20 {
      var output = ""
      for line in try SoundServer.tool(["pw-link", "-l"]).split(separator: "\n") {
        if !line.hasPrefix(" ") { output = String(line) }
        if output == from, line.contains("|-> \(to)") { return true }
      }
      usleep(100_000)
    }
    return false
  }
}
