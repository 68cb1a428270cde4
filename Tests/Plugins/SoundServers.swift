// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

/// The root of all tests with a real sound server.
///
/// They tell the libraries through the environment which server is theirs, so one runs at a time.
@Suite(.serialized)
enum SoundServers {}

/// What tests with a sound server need; without it they are skipped, and in CI they fail.
enum Need {
  /// What is missing of `programs` and `plugins`, in words; nil when all is there, or in CI.
  static func lacking(programs: [String], plugin: String) -> String? {
    let environment = ProcessInfo.processInfo.environment
    if environment["CI"] == "true" { return nil }
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    for program in programs
    where !folders.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }) {
      return "\(program) is not installed: run scripts/setup"
    }
    let library = LoadedPlugin.buildFolder + "/libvsnd-backend-\(plugin).so"
    return FileManager.default.fileExists(atPath: library)
      ? nil : "there is no \(library): run scripts/setup and build again"
  }
}
