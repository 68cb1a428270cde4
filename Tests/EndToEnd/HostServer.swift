// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A real sound server of the host, started by a script of Tests/Servers in a folder of its own.
///
/// What the script exports is set here too, so that a daemon that is started later finds its server.
final class HostServer {
  private let script: String
  private let folderKey: String
  private(set) var environment: [String: String] = [:]

  /// - Parameters:
  ///   - script: such as pipewire-up.
  ///   - folderKey: the variable that tells the server's folder.
  init(_ script: String, _ arguments: [String], folder folderKey: String) throws {
    self.script = script
    self.folderKey = folderKey
    try up(arguments)
  }

  deinit { _ = try? Self.run("server-down", [folder]) }

  var folder: String { environment[folderKey] ?? "" }

  /// Ends the server as a crash does.
  func crash() throws { _ = try Self.run("server-down", ["-9", "-k", folder]) }

  /// Starts it again at the same address.
  func restart(_ arguments: [String]) throws { try up(arguments + ["-d", folder]) }

  private func up(_ arguments: [String]) throws {
    for line in try Self.run(script, arguments).split(separator: "\n") where line.hasPrefix("export ") {
      let parts = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      environment[String(parts[0])] = parts[1].trimmingCharacters(in: ["'"])
    }
    for (key, value) in environment { setenv(key, value, 1) }
  }

  private static func run(_ script: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: Place.package + "/Tests/Servers/" + script)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: bytes, as: UTF8.self)
    guard process.terminationStatus == 0 else { throw Failure("\(script) failed: \(text)") }
    return text
  }
}
