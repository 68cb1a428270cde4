// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The root of all tests with a real guest. They share machines and two cores, so one runs at a time.

import Foundation
import Testing

/// Tests in which an unmodified Linux guest under QEMU uses the daemon's sound card.
@Suite(.serialized, .enabled(if: Place.lacking == nil || Place.isCI, "\(Place.lacking ?? "")"))
enum EndToEnd {}

/// Where the parts of a test are on this machine.
enum Place {
  static let environment = ProcessInfo.processInfo.environment
  static let isCI = environment["CI"] == "true"

  static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  static let boot = package + "/Tests/EndToEnd/guest/boot"
  static let image = package + "/.cache/guest/image"

  /// The folder with the daemon and its backends: VSND_BIN, else the release build, else the debug one.
  static let binaries: String = {
    if let given = environment["VSND_BIN"] { return given }
    let folders = ["release", "debug"].map { package + "/.build/" + $0 }
    return folders.first { FileManager.default.isExecutableFile(atPath: $0 + "/vhost-device-sound") }
      ?? folders[0]
  }()

  /// Whether these programs are installed; in CI they have to be.
  static func has(_ programs: String...) -> Bool {
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    return isCI
      || programs.allSatisfy { program in
        folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
      }
  }

  /// What is missing for these tests, in words; nil when they can run.
  static let lacking: String? = {
    let files = FileManager.default
    let paths = (environment["PATH"] ?? "").split(separator: ":")
    if !paths.contains(where: { files.isExecutableFile(atPath: $0 + "/qemu-system-x86_64") }) {
      return "qemu-system-x86_64 is not installed: run scripts/setup"
    }
    if !files.fileExists(atPath: image + "/initramfs") {
      return "there is no guest image: run Tests/EndToEnd/guest/build"
    }
    if !files.isExecutableFile(atPath: binaries + "/vhost-device-sound") {
      return "there is no \(binaries)/vhost-device-sound: run make build"
    }
    return nil
  }()
}

/// Something that a test relies on went wrong, in words for the reader of its report.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
