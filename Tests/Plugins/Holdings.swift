// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// What this process holds, in which a client library that lost its server leaves things behind.
struct Holdings: CustomStringConvertible {
  let descriptors: Int
  private(set) var threads: Int
  /// Ranges of memory, among them what is shared with servers.
  private(set) var mappings: Int

  static var now: Holdings {
    func entries(_ folder: String) -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(folder)").count) ?? 0
    }
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    return Holdings(
      descriptors: entries("fd"), threads: entries("task"), mappings: maps.split(separator: "\n").count)
  }

  /// Lets there be as many threads and mappings as there were at another time too.
  ///
  /// A worker of the tests' own comes and goes, with its stack. What leaks each time still shows: there is more in the
  /// end than there ever was.
  mutating func allow(_ other: Holdings) {
    threads = max(threads, other.threads)
    mappings = max(mappings, other.mappings)
  }

  /// Whether there is no more than before, or `slack` more of each at most.
  func isWithin(slack: Int, of before: Holdings) -> Bool {
    descriptors <= before.descriptors + slack && threads <= before.threads + slack
      && mappings <= before.mappings + slack
  }

  var description: String { "\(descriptors) descriptors, \(threads) threads, \(mappings) mappings" }
}
