// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// What a period costs the daemon with a backend, beside a minimal C client of the same server.
///
/// `bench-backend BACKEND [PERIOD [OPTION=VALUE…]]` plays through the daemon, while client-BACKEND plays periods of
/// as many frames, once alone and once waking another process each time, as the daemon wakes its guest. The server is
/// there already; the libraries find it through the environment.
@main
enum Main {
  static let rounds = 5
  static let seconds = 3.0
  static let rate = 48_000.0

  /// One measurement, per period.
  struct Cost {
    var microseconds: Double
    var switches: Double
  }

  static func main() throws {
    let words = CommandLine.arguments
    guard words.count > 1 else {
      throw Measured.Failure(description: "usage: bench-backend BACKEND [PERIOD [OPTION=VALUE…]]")
    }
    let backend = words[1]
    let period = words.count > 2 ? Int(words[2]) ?? 480 : 480
    let folder = URL(filePath: words[0]).deletingLastPathComponent().path
    let socket = NSTemporaryDirectory() + "/vsnd-bench-\(getpid())"
    let options = words.dropFirst(3).flatMap { ["--backend-option", $0] }
    let daemon = try Measured(
      folder + "/vhost-device-sound",
      ["--log-level", "error", "--socket", socket, "--backend-dir", folder, "--backend", backend] + options)
    for _ in 0..<100 where !FileManager.default.fileExists(atPath: socket) { usleep(50_000) }
    let guest = try PlayingGuest(socket, period: period)
    let client = try Measured(folder + "/client-\(backend)", ["\(period)"])
    let waking = try Measured(folder + "/client-\(backend)", ["\(period)", "wake"])
    // All find their pace before anything counts.
    try guest.play(until: Date() + 2)

    var ours: [Cost] = []
    var floor: [Cost] = []
    var wakingFloor: [Cost] = []
    let before = (guest.kicks, guest.calls, guest.periods)
    for _ in 0..<rounds {
      let (idle, wakingIdle) = (try client.usage(), try waking.usage())
      ours.append(cost(try daemon.usage(for: seconds, while: guest.play), period))
      floor.append(cost(try client.usage() - idle, period))
      wakingFloor.append(cost(try waking.usage() - wakingIdle, period))
    }
    let periods = Double(guest.periods - before.2)
    print(
      "\(backend), playback, periods of \(period) frames, 4 in the buffer; \(rounds) rounds of \(seconds) s")
    print("            µs a period   switches a period   (median; min and max of the rounds)")
    print("daemon      \(line(ours))")
    print("C client    \(line(floor))")
    print("…that wakes \(line(wakingFloor))")
    print("ratio       \(ratio(ours, floor)), to the one that wakes \(ratio(ours, wakingFloor))")
    print(
      "kicks \(two(Double(guest.kicks - before.0) / periods)), calls \(two(Double(guest.calls - before.1) / periods))"
        + " a period; \(two(periods * Double(period) / rate / (seconds * Double(rounds)))) of real time")
  }

  private static func cost(_ usage: Measured.Usage, _ period: Int) -> Cost {
    let periods = seconds * rate / Double(period)
    return Cost(microseconds: Double(usage.time) / 1000 / periods, switches: Double(usage.switches) / periods)
  }

  private static func ratio(_ ours: [Cost], _ floor: [Cost]) -> String {
    spread(zip(ours, floor).map { $0.microseconds / max(0.01, $1.microseconds) })
  }

  private static func line(_ costs: [Cost]) -> String {
    spread(costs.map(\.microseconds)) + "   " + spread(costs.map(\.switches))
  }

  /// The median, with the least and the most.
  private static func spread(_ values: [Double]) -> String {
    let sorted = values.sorted()
    return "\(two(sorted[sorted.count / 2])) (\(two(sorted[0]))…\(two(sorted[sorted.count - 1])))"
  }

  private static func two(_ value: Double) -> String { String(format: "%.2f", value) }
}
