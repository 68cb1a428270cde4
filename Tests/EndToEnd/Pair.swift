// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// Two byte strings of whole frames, compared with the C library because test builds are slow.
struct Pair {
  let sent: [UInt8]
  let recorded: [UInt8]
  let frameBytes: Int

  /// Where sent frames come next in the recording, and how many of them have to be passed over first.
  func nextMatch(of frame: Int, length: Int, from place: Int) -> (lost: Int, place: Int?) {
    let end = sent.count / frameBytes - length
    for first in stride(from: frame, through: end, by: 1) {
      if let found = find(sentFrames: first, length, from: place) { return (first - frame, found) }
      // A long loss would take for ever frame by frame; its end is searched backwards from a later match.
      if first - frame == 64 { return laterMatch(of: frame, length: length, from: place) }
    }
    return (0, nil)
  }

  /// As nextMatch, for losses of more than a few frames: coarse steps, then back to the first equal frame.
  private func laterMatch(of frame: Int, length: Int, from place: Int) -> (lost: Int, place: Int?) {
    for first in stride(from: frame, through: sent.count / frameBytes - length, by: 61) {
      guard var found = find(sentFrames: first, length, from: place) else { continue }
      var start = first
      while start > frame, found > place, isEqual(start - 1, found - 1, 1) {
        start -= 1
        found -= 1
      }
      return (start - frame, found)
    }
    return (0, nil)
  }

  /// How many frames are equal from these two on.
  func equalFrames(_ sentFrame: Int, _ place: Int) -> Int {
    var low = 0
    var high = min(sent.count / frameBytes - sentFrame, recorded.count / frameBytes - place)
    while low < high {
      let middle = (low + high + 1) / 2
      if isEqual(sentFrame, place, middle) { low = middle } else { high = middle - 1 }
    }
    return low
  }

  func isSilent(_ frames: Range<Int>) -> Bool {
    recorded[frames.lowerBound * frameBytes..<frames.upperBound * frameBytes].allSatisfy { $0 == 0 }
  }

  private func isEqual(_ sentFrame: Int, _ place: Int, _ count: Int) -> Bool {
    sent.withUnsafeBytes { sent in
      recorded.withUnsafeBytes { recorded in
        guard let one = sent.baseAddress, let other = recorded.baseAddress else { return count == 0 }
        guard (place + count) * frameBytes <= recorded.count else { return false }
        return memcmp(one + sentFrame * frameBytes, other + place * frameBytes, count * frameBytes) == 0
      }
    }
  }

  private func find(sentFrames first: Int, _ count: Int, from place: Int) -> Int? {
    let needle = sent[first * frameBytes..<(first + count) * frameBytes]
    // Long silences are common, so the search goes by a byte that they do not have.
    let pivot = needle.firstIndex { $0 != 0 } ?? needle.startIndex
    let ahead = pivot - needle.startIndex
    return recorded.withUnsafeBytes { hay -> Int? in
      guard let base = hay.baseAddress else { return nil }
      var at = place * frameBytes + ahead
      while at < hay.count, let hit = memchr(base + at, Int32(needle[pivot]), hay.count - at) {
        let start = UnsafeRawPointer(hit) - base - ahead
        if start % frameBytes == 0, isEqual(first, start / frameBytes, count) { return start / frameBytes }
        at = start + ahead + 1
      }
      return nil
    }
  }
}
