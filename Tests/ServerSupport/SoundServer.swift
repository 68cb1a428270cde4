// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
package import Glibc

/// A real sound server in a folder of its own, started by a script of Tests/Servers.
///
/// What the script exports is set here too: libraries of this process, and programs that it starts later, find the server.
package final class SoundServer: @unchecked Sendable {
  /// What the script exports: where the server listens, its process, its folder.
  package private(set) var environment: [String: String] = [:]
  private let script: String
  private let arguments: [String]
  private let folderKey: String

  /// Starts the server and points the libraries of this process at it.
  ///
  /// - Parameters:
  ///   - script: such as pulse-up.
  ///   - folderKey: the variable that tells the folder, such as VS_PULSE_DIR.
  package init(_ script: String, _ arguments: [String] = [], folder folderKey: String) throws {
    self.script = script
    self.arguments = arguments
    self.folderKey = folderKey
    try up(arguments)
  }

  deinit { _ = try? Self.run("server-down", [folder]) }

  /// Where the server keeps its socket and its logs.
  package var folder: String { environment[folderKey] ?? "" }

  /// A process of the server, by the variable that tells it, such as VS_PULSE_PID.
  ///
  /// Fails where there is none: to a signal, zero would mean the tests themselves.
  package func pid(_ key: String) throws -> pid_t {
    guard let pid = environment[key].flatMap({ pid_t($0) }), pid > 0 else {
      throw ServerFailure(text: "\(script) told no \(key)")
    }
    return pid
  }

  /// Ends the server as a crash does, and leaves its folder.
  package func crash() throws { _ = try Self.run("server-down", ["-9", "-k", folder]) }

  /// Starts the server again at the same address.
  package func restart() throws { try up(arguments + ["-d", folder]) }

  /// Runs the script once more for a part of the server, which ended.
  package func revive(_ arguments: [String]) throws { try up(arguments + ["-d", folder]) }

  private func up(_ arguments: [String]) throws {
    for line in try Self.run(script, arguments).split(separator: "\n") where line.hasPrefix("export ") {
      let parts = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      environment[String(parts[0])] = parts[1].trimmingCharacters(in: ["'"])
    }
    for (key, value) in environment { setenv(key, value, 1) }
  }

  /// What a tool of the server prints; fails when the tool does.
  @discardableResult
  package static func tool(_ command: [String]) throws -> String { try spawn("/usr/bin/env", command) }

  /// What a script of Tests/Servers prints.
  package static func run(_ script: String, _ arguments: [String]) throws -> String {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try spawn(tests.appending(path: "Servers/\(script)").path, arguments)
  }

  private static func spawn(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: bytes, as: UTF8.self)
    guard process.terminationStatus == 0 else {
      throw ServerFailure(text: "\(program) \(arguments) ended with \(process.terminationStatus): \(text)")
    }
    return text
  }

  package struct ServerFailure: Error, CustomStringConvertible {
    let text: String

    package init(text: String) { self.text = text }

    package var description: String { text }
  }
}
