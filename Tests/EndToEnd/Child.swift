// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization

/// A process of this test run, addressed by its id alone.
///
/// It ends with the test run at the latest.
final class Child: Sendable {
  let pid: pid_t
  /// The file that has its standard output and error.
  let log: String
  /// Its status once it was waited for: from then on the id may be somebody else's.
  private let reaped = Mutex<Int32?>(nil)

  /// Starts a program with nothing open but its three standard descriptors.
  init(_ program: String, _ arguments: [String], log: String) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The test runner's own descriptors stay here, so that those of the daemon can be counted.
    for descriptor in Int32(3)..<256 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }

    // Nor are its masked and ignored signals passed on, or SIGTERM would not reach the program.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, program, &actions, &attributes, &words, environ)
    guard code == 0 else { throw Failure("cannot start \(program): \(String(cString: strerror(code)))") }
    self.pid = pid
    self.log = log
    Children.add(self)
  }

  /// How it ended, if it has: its status, or minus the signal.
  var ending: Int32? {
    if let status = reaped.withLock({ $0 }) { return status }
    var info = siginfo_t()
    // WNOWAIT leaves the process to be waited for, so that its id stays its own.
    guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 else { return -SIGKILL }
    guard info._sifields._sigchld.si_pid == pid else { return nil }
    let status = info._sifields._sigchld.si_status
    return info.si_code == CLD_EXITED ? status : -status
  }

  /// Asks it to end, and makes it after a while.
  @discardableResult
  func end(within seconds: Double = 5) -> Int32 {
    if let status = reaped.withLock({ $0 }) { return status }
    kill(pid, SIGTERM)
    let ended = eventually(within: seconds) { ending != nil }
    let status = ending ?? -SIGKILL
    if !ended { kill(pid, SIGKILL) }
    waitpid(pid, nil, 0)
    reaped.withLock { $0 = status }
    Children.remove(self)
    return status
  }

  var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
}

/// The processes to end when the test run exits.
private enum Children {
  private static let running = Mutex<[pid_t]?>(nil)

  static func add(_ child: Child) {
    running.withLock { list in
      if list == nil { atexit { Children.endAll() } }
      list = (list ?? []) + [child.pid]
    }
  }

  static func remove(_ child: Child) {
    running.withLock { list in list?.removeAll { $0 == child.pid } }
  }

  private static func endAll() {
    running.withLock { list in
      for pid in list ?? [] { kill(pid, SIGTERM) }
    }
  }
}

/// Waits until the condition holds; false when it does not within the time.
func eventually(within seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while Date() < deadline {
    if try condition() { return true }
    usleep(20_000)
  }
  return try condition()
}
