// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Floor
import Glibc
import TestSupport
import Virtqueue

/// What the way of a sample costs beside plain C that checks nothing: `make bench`.
@main
enum Main {
  static let rounds = 200
  static let periodsPerRound = 64

  static func main() throws {
    print("playback, one stream, in ns a period; floor: the same copies and ring accesses in plain C")
    print("frames  bytes  pieces      daemon       floor  ratio (min median max of \(rounds) rounds)")
    for (frames, piece) in [(64, 4096), (480, 4096), (480, 512), (1024, 4096), (8192, 4096)] {
      try compare(frames: frames, piece: piece)
    }
  }

  /// Measures one shape of period, daemon and floor in turn.
  private static func compare(frames: Int, piece: Int) throws {
    let daemon = try Workload(frames: frames, piece: piece, periods: periodsPerRound)
    let floor = try Workload(frames: frames, piece: piece, periods: periodsPerRound)
    var ours: [Double] = []
    var plain: [Double] = []
    for round in 0..<(rounds + 10) {
      let a = try daemon.playThroughFeed()
      let b = try floor.playPlain()
      // The first rounds touch the memory.
      if round >= 10 {
        ours.append(a)
        plain.append(b)
      }
    }
    let ratios = zip(ours, plain).map { $0 / $1 }.sorted()
    print(
      [
        pad("\(frames)", 6), pad("\(frames * 4)", 6), pad("\(daemon.pieces)", 7), pad(ns(ours), 11),
        pad(ns(plain), 11),
        "  "
          + [ratios[0], ratios[ratios.count / 2], ratios[ratios.count - 1]].map(two).joined(separator: " "),
      ].joined(separator: " "))
  }

  private static func ns(_ values: [Double]) -> String { two(values.sorted()[values.count / 2]) }

  private static func two(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
