// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization

/// A Linux guest under QEMU whose agent runs commands.
final class Guest: Sendable {
  /// What a command of the guest left.
  struct Outcome {
    let status: Int
    let output: String
  }

  /// The folder that the guest sees as /share.
  let share: String
  private let qemu: Child
  private let agent: LineSocket
  private let qmp: LineSocket
  private let state = Mutex(State())

  private struct State {
    var number = 0
    var isUsable = true
  }

  /// Boots a guest with one sound card per socket.
  init(folder: String, sounds: [String], options: [String] = []) throws {
    share = folder + "/share"
    try FileManager.default.createDirectory(atPath: share, withIntermediateDirectories: true)
    // The time limit holds even when this test run is killed. Ten minutes is more than any suite needs.
    qemu = try Child(
      "timeout",
      ["-k", "5", "600", Place.boot, "--share", share] + sounds.flatMap { ["--sound", $0] } + options,
      log: folder + "/qemu.log")
    do {
      agent = try LineSocket(path: share + "/agent", within: 10)
      qmp = try LineSocket(path: share + "/qmp", within: 10)
      _ = try control("qmp_capabilities")
      try awaitReady()
    } catch {
      qemu.end(within: 10)
      throw Failure("\(error); QEMU said: \(qemu.output)")
    }
  }

  /// Runs a shell script in the guest and waits for its end.
  func run(_ script: String, within seconds: Double = 60) throws -> Outcome {
    let number = state.withLock { state in
      state.number += 1
      return state.number
    }
    try agent.send("\(number) \(Data(script.utf8).base64EncodedString())")
    let deadline = Date(timeIntervalSinceNow: seconds)
    while let line = try agent.line(before: deadline) {
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      if fields.first == "ready" {
        state.withLock { $0.isUsable = false }
        throw Failure("the guest started anew during: \(script)\n\(console)")
      }
      guard fields.count == 3, fields[0] == "\(number)", let status = Int(fields[1]) else { continue }
      let output = Data(base64Encoded: String(fields[2])) ?? Data()
      return Outcome(status: status, output: String(decoding: output, as: UTF8.self))
    }
    state.withLock { $0.isUsable = false }
    throw Failure("no answer within \(seconds) s to: \(script)\n\(console)")
  }

  /// Runs a script that has to succeed.
  @discardableResult
  func need(_ script: String, within seconds: Double = 60) throws -> String {
    let outcome = try run(script, within: seconds)
    guard outcome.status == 0 else {
      throw Failure("status \(outcome.status) of: \(script)\n\(outcome.output)")
    }
    return outcome.output
  }

  /// Starts the guest anew, by its own command or as by its reset button, and waits for it.
  func restart(byReset: Bool) throws {
    if byReset {
      _ = try control("system_reset")
    } else {
      try agent.send("0 \(Data("reboot -f".utf8).base64EncodedString())")
    }
    try awaitReady()
  }

  /// Gives QEMU a command over QMP and returns the line it answers with.
  func control(_ command: String) throws -> String {
    try qmp.send("{\"execute\":\"\(command)\"}")
    let deadline = Date(timeIntervalSinceNow: 20)
    while let line = try qmp.line(before: deadline) {
      if line.hasPrefix("{\"return\"") { return line }
      if line.hasPrefix("{\"error\"") { throw Failure("QEMU refused \(command): \(line)") }
    }
    throw Failure("QEMU did not answer to \(command)")
  }

  /// Whether QEMU runs and the agent has answered so far.
  var isUsable: Bool { qemu.ending == nil && state.withLock { $0.isUsable } }

  var console: String { (try? String(contentsOfFile: share + "/console.log", encoding: .utf8)) ?? "" }

  /// Ends QEMU; its own limit comes first, because killing `timeout` would leave QEMU behind.
  func end() { qemu.end(within: 10) }

  /// Ends QEMU as a crash does: its descriptors are closed, and nothing else happens.
  func crash() throws {
    let text = try String(contentsOfFile: share + "/qemu.pid", encoding: .utf8)
    guard let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw Failure("no process id in \(text)")
    }
    kill(pid, SIGKILL)
    qemu.end()
  }

  /// Waits for the agent, and pushes the reset button when it does not come.
  ///
  /// On a busy machine the second emulated processor sometimes gets no timer interrupts, and the
  /// kernel then waits for it for ever. That is no matter of the sound card.
  private func awaitReady() throws {
    for attempt in 1...3 {
      if attempt > 1 { _ = try control("system_reset") }
      let deadline = Date(timeIntervalSinceNow: 25)
      while let line = try agent.line(before: deadline) {
        if line.hasPrefix("ready") { return }
      }
    }
    state.withLock { $0.isUsable = false }
    throw Failure("the guest did not boot, three times\n\(console)")
  }
}
