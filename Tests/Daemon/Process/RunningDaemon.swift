// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import TestSupport

/// The built program at work, as a process of its own; killed at the latest with this object.
final class RunningDaemon {
  struct Failure: Error { let text: String }

  let socket: String
  let pid: pid_t
  private let folder: TemporaryFolder
  private var status: Int32?

  /// Where SwiftPM puts the program, beside the tests.
  private static let binaries: String = {
    let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") }
    let program = bundle ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    return URL(fileURLWithPath: program).deletingLastPathComponent().resolvingSymlinksInPath().path
  }()

  /// Starts it and waits for its socket.
  ///
  /// - Parameter options: KEY=VALUE for the backend; `%F` in it is a folder of the daemon's own.
  init(_ backend: String = "null", _ options: [String] = [], streams: [String] = []) throws {
    folder = try TemporaryFolder()
    socket = folder.path + "/s"
    let path = folder.path
    let arguments =
      ["--socket", socket, "--backend", backend, "--backend-dir", Self.binaries]
      + options.flatMap { ["--backend-option", $0.replacing("%F", with: path)] }
      + streams.flatMap { ["--stream", $0] }
    pid = try Self.spawn([Self.binaries + "/vhost-device-sound"] + arguments, log: folder.path + "/log")
    guard wait(until: { FileManager.default.fileExists(atPath: path + "/s") }) else {
      throw Failure(text: log)
    }
  }

  deinit {
    guard status == nil else { return }
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// Starts a program with the signals of a shell, and nothing open but its output.
  private static func spawn(_ words: [String], log: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var raw: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    // A thread that hangs in a backend is left behind on purpose; races count all the same.
    var variables = ProcessInfo.processInfo.environment
    variables["TSAN_OPTIONS"] = [variables["TSAN_OPTIONS"], "report_thread_leaks=0"].compactMap(\.self)
      .joined(separator: ":")
    var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for word in raw + environment { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, words[0], &actions, &attributes, &raw, &environment)
    guard code == 0 else { throw Failure(text: "cannot start \(words[0]): \(code)") }
    return pid
  }

  // MARK: From outside

  /// The bytes of a file in its folder.
  func file(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(folder.path)/\(name)")))
  }

  var log: String { (try? String(contentsOfFile: folder.path + "/log", encoding: .utf8)) ?? "" }

  var isAlive: Bool {
    if status == nil {
      var value: Int32 = 0
      if waitpid(pid, &value, WNOHANG) == pid { status = value }
    }
    return status == nil
  }

  /// Open descriptors, threads and mappings.
  var holdings: [Int] {
    let files = FileManager.default
    let maps = (try? String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)) ?? ""
    return ["fd", "task"].map { (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/\($0)").count) ?? 0 }
      + [maps.split(separator: "\n").count]
  }

  /// Sends SIGTERM; the exit status and how long it took, in seconds.
  func terminate() -> (status: Int32, seconds: Double) {
    let start = Date()
    kill(pid, SIGTERM)
    _ = wait(until: { !isAlive })
    let seconds = Date().timeIntervalSince(start)
    return (status ?? -1, seconds)
  }

  /// Waits ten seconds at most.
  func wait(until condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
      if condition() { return true }
      guard isAlive else { return condition() }
      usleep(5000)
    }
    return condition()
  }

  /// A guest whose driver has started.
  func guest() throws -> SoundGuest {
    let guest = try connect()
    try guest.boot()
    return guest
  }

  func connect() throws -> SoundGuest {
    SoundGuest(try FrontEnd(path: socket, ram: GuestRAM(size: 1 << 22)), waits: true) {}
  }
}

extension SoundGuest {
  /// Keeps four periods of a stream in flight for `seconds`; returns how many came back.
  func flow(_ stream: UInt32 = 0, seconds: Double) -> Int {
    let isCapture = stream == 1
    let ring = isCapture ? Self.receive : Self.transmit
    let end = Date(timeIntervalSinceNow: seconds)
    var flying: [GuestRing.Message] = []
    var done = 0
    while Date() < end {
      while flying.count < 4 {
        flying.append(isCapture ? record(1920) : play([UInt8](repeating: 1, count: 1920), stream: stream))
      }
      let back = flying.prefix { answer($0, on: ring) != nil }
      for message in back { rings[ring].free(message, cut: .fields) }
      done += back.count
      flying.removeFirst(back.count)
      usleep(1000)
    }
    // The rest must come home before their heads are used anew.
    _ = waits { flying.allSatisfy { answer($0, on: ring) != nil } }
    return done
  }
}
