// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// What this process holds, in which a client library that lost its server leaves things behind.
struct Holdings: CustomStringConvertible {
  let descriptors: Int
  let threads: Int
  /// Ranges of memory, among them what is shared with servers.
  let mappings: Int

  static var now: Holdings {
    func entries(_ folder: String) -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(folder)").count) ?? 0
    }
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    return Holdings(
      descriptors: entries("fd"), threads: entries("task"), mappings: maps.split(separator: "\n").count)
  }

  /// Whether nothing was left behind since then.
  ///
  /// - Parameter rounds: how often something could have been; the runtime and the heap of this process may grow by less.
  func exceeds(_ before: Holdings, after rounds: Int) -> Bool {
    descriptors >= before.descriptors + rounds || threads >= before.threads + rounds
      || mappings >= before.mappings + 2 * rounds
  }

  var description: String { "\(descriptors) descriptors, \(threads) threads, \(mappings) mappings" }
}
