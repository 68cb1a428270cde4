// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A program at work, whose processor time and context switches are read from outside; killed with this object.
final class Measured {
  private let process = Process()

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// What all threads of a process have used so far.
  struct Usage {
    /// Nanoseconds on a processor.
    var time: UInt64 = 0
    var switches: UInt64 = 0

    static func - (later: Usage, earlier: Usage) -> Usage {
      Usage(time: later.time &- earlier.time, switches: later.switches &- earlier.switches)
    }
  }

  init(_ program: String, _ arguments: [String]) throws {
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    do { try process.run() } catch { throw Failure(description: "cannot start \(program): \(error)") }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// The sum over the threads that live now, from /proc/PID/task/*/{schedstat,status}.
  func usage() throws -> Usage {
    guard process.isRunning else { throw Failure(description: "\(process.arguments ?? []) has ended") }
    let tasks = "/proc/\(process.processIdentifier)/task"
    var usage = Usage()
    for thread in try FileManager.default.contentsOfDirectory(atPath: tasks) {
      let times = text("\(tasks)/\(thread)/schedstat").split(separator: " ")
      usage.time += times.first.flatMap { UInt64($0) } ?? 0
      for line in text("\(tasks)/\(thread)/status").split(separator: "\n")
      where line.contains("ctxt_switches") {
        usage.switches += line.split(separator: "\t").last.flatMap { UInt64($0) } ?? 0
      }
    }
    return usage
  }

  /// What is used in `seconds` from now.
  func usage(for seconds: Double, while work: (Date) throws -> Void) throws -> Usage {
    let before = try usage()
    try work(Date() + seconds)
    return try usage() - before
  }

  private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
