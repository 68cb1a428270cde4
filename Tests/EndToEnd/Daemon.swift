// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A running vhost-device-sound, seen from outside.
struct Daemon: Sendable {
  let socket: String
  private let child: Child

  /// Starts it and waits for its socket.
  init(folder: String, arguments: [String]) throws {
    socket = folder + "/snd.sock"
    child = try Child(
      Place.binaries + "/vhost-device-sound",
      ["--socket", socket, "--backend-dir", Place.binaries] + arguments, log: folder + "/daemon.log")
    let (socket, child) = (socket, child)
    let listens = eventually(within: 10) {
      FileManager.default.fileExists(atPath: socket) || child.ending != nil
    }
    guard listens, child.ending == nil else {
      throw Failure("the daemon did not start (\(child.end())): \(child.output)")
    }
  }

  var isAlive: Bool { child.ending == nil }
  var log: String { child.output }
  var descriptors: Int { entries("fd") }
  var threads: Int { entries("task") }

  /// Seconds of processor time used so far.
  var processorTime: Double {
    let stat = (try? String(contentsOfFile: "/proc/\(child.pid)/stat", encoding: .utf8)) ?? ""
    // Fields are counted from behind the program's name, which may have spaces: utime and stime.
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Ends it as a service manager does, and returns its status.
  func end() -> Int32 { child.end() }

  private func entries(_ folder: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.pid)/\(folder)").count) ?? 0
  }
}
