// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A program that plays through the sound server, and what it has cost so far.
final class Player {
  /// One measurement, per period.
  struct Cost {
    var microseconds: Double
    var switches: Double
  }

  /// How its line begins.
  let title: String
  /// The guest of a daemon; a client of the server plays by itself, in real time.
  let guest: PlayingGuest?
  private(set) var costs: [Cost] = []
  private let program: Measured
  private var begun = Measured.Usage()
  private var periodsBefore = 0
  /// The first round counts for nothing: all find their pace in it.
  private var hasWarmedUp = false

  init(_ title: String, _ program: Measured, guest: PlayingGuest? = nil) {
    self.title = title
    self.program = program
    self.guest = guest
  }

  /// A vhost-user daemon that was told to listen at `socket`, with a guest that plays periods of `period` frames.
  convenience init(_ title: String, daemon: Measured, at socket: String, period: Int) throws {
    for _ in 0..<100 where !FileManager.default.fileExists(atPath: socket) { usleep(50_000) }
    self.init(title, daemon, guest: try PlayingGuest(socket, period: period))
  }

  func begin() throws {
    periodsBefore = guest?.periods ?? 0
    begun = try program.usage()
  }

  /// - Parameter periods: that were played since begin(); those of the guest if there is one.
  func end(periods: Double = 0) throws {
    let used = try program.usage() - begun
    let played = max(1, guest.map { Double($0.periods - periodsBefore) } ?? periods)
    defer { hasWarmedUp = true }
    guard hasWarmedUp else { return }
    costs.append(
      Cost(microseconds: Double(used.time) / 1000 / played, switches: Double(used.switches) / played))
  }
}
