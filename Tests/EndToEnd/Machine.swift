// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization
import Testing

/// A daemon and a guest that uses it, kept for all scenarios that want the same daemon.
final class Machine: Sendable {
  /// How the daemon is set up.
  enum Setup: String, CaseIterable {
    /// One output and one input with up to eight channels, on files.
    case file
    /// The default streams on the null backend.
    case null
    /// Two outputs and two inputs of one device, each output with a file of its own.
    case streams
    /// One output, and one input that is its echo, on PCMs of ALSA over a PulseAudio server.
    case alsa
    /// One output, and one input that is its echo, on a PipeWire server.
    case pipewire
    /// One output, and one input that is its echo, on a PulseAudio server.
    case pulse
    /// One output, and one input that its ports are connected to, in a JACK graph.
    case jack
  }

  let folder: String
  let daemon: Daemon
  let guest: Guest
  private let baseline: (descriptors: Int, threads: Int)

  private static let shared = Mutex<[Setup: Machine]>([:])

  /// The machine of this setup: booted at first use, and again after a scenario that broke it.
  static func of(_ setup: Setup) throws -> Machine {
    if let lacking = Place.lacking { throw Failure(lacking) }
    return try shared.withLock { machines in
      if let machine = machines[setup] {
        if machine.daemon.isAlive && machine.guest.isUsable { return machine }
        machines[setup] = nil
        machine.end()
      }
      if machines.isEmpty { atexit { Machine.endAll() } }
      let machine = try Machine(setup)
      machines[setup] = machine
      return machine
    }
  }

  private convenience init(_ setup: Setup) throws {
    let folder = try Machine.makeFolder(setup.rawValue)
    let daemon = try Daemon(folder: folder, arguments: Machine.arguments(setup, folder: folder))
    try self.init(folder: folder, daemon: daemon)
  }

  private init(folder: String, daemon: Daemon) throws {
    self.folder = folder
    self.daemon = daemon
    do {
      guest = try Guest(folder: folder, sounds: [daemon.socket])
    } catch {
      throw Failure("\(error)\ndaemon: \(daemon.log)\nstatus \(daemon.end())")
    }
    baseline = (daemon.descriptors, daemon.threads)
  }

  /// A machine for one test alone, which may break it.
  static func alone(_ setup: Setup, body: (Machine) throws -> Void) throws {
    if let lacking = Place.lacking { throw Failure(lacking) }
    let machine = try Machine(setup)
    defer { machine.end() }
    try body(machine)
  }

  /// Another machine on the same daemon, whose first one is gone.
  func next(body: (Machine) throws -> Void) throws {
    let machine = try Machine(folder: folder, daemon: daemon)
    defer { machine.guest.end() }
    try body(machine)
  }

  private static func arguments(_ setup: Setup, folder: String) throws -> [String] {
    switch setup {
    case .null: return ["--backend", "null"]
    case .alsa:
      return [
        "--backend", "alsa", "--backend-option", "playback-device=vs_tee",
        "--backend-option", "capture-device=vs_pulse_monitor",
      ]
    case .pipewire:
      return ["--backend", "pipewire", "--backend-option", "vm-name=guest"]
        + ["--stream", "output", "--stream", "input,device=vs_out.monitor"]
    case .pulse:
      return ["--backend", "pulse", "--stream", "output", "--stream", "input,device=vs_out.monitor"]
    case .jack:
      return ["--backend", "jack", "--backend-option", "client-name=guest"]
        + ["--stream", "output", "--stream", "input,device=^guest:playback_"]
    case .file:
      return try files("out.raw", in: folder)
        + ["--stream", "output,channels=1-8", "--stream", "input,channels=1-8"]
    case .streams:
      return try files("out-%i.raw", in: folder)
        + ["output", "output", "input", "input"].flatMap { ["--stream", $0] }
    }
  }

  private static func files(_ name: String, in folder: String) throws -> [String] {
    try Data(Pattern.microphone).write(to: URL(filePath: folder + "/in.raw"))
    return [
      "--backend", "file", "--backend-option", "play=\(folder)/\(name)",
      "--backend-option", "record=\(folder)/in.raw",
    ]
  }

  static func makeFolder(_ name: String) throws -> String {
    var template = Array("/tmp/vsnd-\(name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure("cannot make a folder in /tmp") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func end() {
    guest.end()
    _ = daemon.end()
    if Place.environment["VSND_KEEP"] == nil { try? FileManager.default.removeItem(atPath: folder) }
  }

  private static func endAll() {
    shared.withLock { machines in
      for machine in machines.values { machine.end() }
      machines = [:]
    }
  }

  /// Runs a scenario, then looks at what it left: the daemon, its resources and the guest's kernel.
  ///
  /// - Parameter more: descriptors that a backend may keep when its streams are closed, such as those of ports.
  func scenario(keeping more: Int = 0, _ body: () throws -> Void) throws {
    try guest.need("dmesg -c >/dev/null")
    do {
      try body()
    } catch {
      throw Failure("\(error)\ndaemon's log, the end of it:\n\(daemon.log.suffix(2000))")
    }
    try #require(daemon.isAlive, "the daemon ended: \(daemon.log.suffix(2000))")
    let settled = eventually(within: 3) {
      daemon.descriptors <= baseline.descriptors + more && daemon.threads <= baseline.threads
    }
    #expect(settled, "was \(baseline), is now \((daemon.descriptors, daemon.threads))")
    let before = daemon.processorTime
    usleep(300_000)
    #expect(daemon.processorTime - before < 0.1, "the daemon spins")
    try expectCleanKernelLog()
  }

  private func expectCleanKernelLog() throws {
    let lines = try guest.need("dmesg -c").split(separator: "\n")
    let bad = lines.filter { line in
      ["virtio_snd", "BUG", "WARNING", "Oops", "Call Trace", "rss-counter", "blocked for more", "I/O error"]
        .contains { line.contains($0) }
    }
    #expect(bad.isEmpty, "the guest's kernel complains")
  }
}
