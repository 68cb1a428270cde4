// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// What a period costs the daemon with a backend, beside a minimal C client of the same server.
///
/// `bench-backend BACKEND [PERIOD [OPTION=VALUE…]]` plays through the daemon, while client-BACKEND plays periods of
/// as many frames, once alone and once waking another process each time, as the daemon wakes its guest. The server is
/// there already; the libraries find it through the environment. With the command of another vhost-user sound daemon
/// in VSND_BENCH_PEER, and SOCKET in it for the path of its socket, that plays for a guest of its own, in turns.
@main
enum Main {
  static let rounds = 5
  static let seconds = 3.0
  static let rate = 48_000.0

  static func main() throws {
    let words = CommandLine.arguments
    guard words.count > 1 else {
      throw Measured.Failure(description: "usage: bench-backend BACKEND [PERIOD [OPTION=VALUE…]]")
    }
    let period = words.count > 2 ? Int(words[2]) ?? 480 : 480
    let options = words.dropFirst(3).flatMap { ["--backend-option", $0] }
    let players = try start(words[1], period, options: options)
    for _ in 0...rounds { try playRound(players, period) }
    print("\(words[1]), playback, periods of \(period) frames, 4 in the buffer;", terminator: " ")
    print("\(rounds) rounds of \(seconds) s; all threads; median (least…most)")
    report(players)
  }

  private static func playRound(_ players: [Player], _ period: Int) throws {
    let clients = players.filter { $0.guest == nil }
    for client in clients { try client.begin() }
    // One guest at a time: whoever wakes what another has just woken has less to do.
    var passed = 0.0
    for player in players {
      guard let guest = player.guest else { continue }
      try player.begin()
      try guest.play(until: Date() + seconds)
      try player.end()
      passed += seconds * rate / Double(period)
    }
    for client in clients { try client.end(periods: passed) }
  }

  private static func report(_ players: [Player]) {
    print("               µs a period            switches a period")
    for player in players {
      print(padded(player.title, 14), padded(spread(player.costs.map(\.microseconds)), 22), terminator: " ")
      print(spread(player.costs.map(\.switches)))
    }
    for other in players.dropFirst() {
      let ratios = zip(players[0].costs, other.costs).map { $0.microseconds / max(0.01, $1.microseconds) }
      print(padded("daemon : \(other.title)", 32), spread(ratios))
    }
    for player in players {
      guard let guest = player.guest else { continue }
      let (kicks, calls) = (Double(guest.kicks), Double(guest.calls))
      let periods = Double(guest.periods)
      print("\(player.title): kicks \(two(kicks / periods)), calls \(two(calls / periods)) a period")
    }
  }

  /// The daemon first, then those it is compared with.
  private static func start(_ backend: String, _ period: Int, options: [String]) throws -> [Player] {
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    let socket = NSTemporaryDirectory() + "/vsnd-bench-\(getpid())"
    let daemon = try Measured(
      folder + "/vhost-device-sound",
      ["--log-level", "error", "--socket", socket, "--backend-dir", folder, "--backend", backend] + options)
    var players = [try Player("daemon", daemon: daemon, at: socket, period: period)]
    if let peer = ProcessInfo.processInfo.environment["VSND_BENCH_PEER"] {
      let words = peer.replacing("SOCKET", with: socket + "-peer").split(separator: " ").map(String.init)
      let other = try Measured(words[0], Array(words.dropFirst()))
      players.append(try Player("peer", daemon: other, at: socket + "-peer", period: period))
    }
    players.append(Player("C client", try Measured(folder + "/client-\(backend)", ["\(period)"])))
    players.append(Player("…that wakes", try Measured(folder + "/client-\(backend)", ["\(period)", "wake"])))
    return players
  }

  /// The median, with the least and the most.
  private static func spread(_ values: [Double]) -> String {
    let sorted = values.sorted()
    return "\(two(sorted[sorted.count / 2])) (\(two(sorted[0]))…\(two(sorted[sorted.count - 1])))"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func two(_ value: Double) -> String { String(format: "%.2f", value) }
}
