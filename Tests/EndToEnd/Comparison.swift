// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// How a recording differs from what was sent, in frames.
///
/// The sent frames are searched in the recording piece by piece. Frames that the recording has too
/// many are a gap, frames that it lacks are a loss; frames that are neither are wrong.
struct Comparison: CustomStringConvertible {
  /// A place in the sent frames, and how many frames are too many or missing there.
  struct Flaw: Equatable {
    let at: Int
    let count: Int
  }

  let sent: Int
  let recorded: Int
  /// Frames before the first that was sent.
  private(set) var lead = 0
  private(set) var gaps: [Flaw] = []
  private(set) var losses: [Flaw] = []
  private(set) var missingAtEnd = 0
  private(set) var trailing = 0
  /// Whether all that is not from the sender is zero.
  private(set) var isSilentElsewhere = true
  private(set) var isFound = false

  /// Every sent frame arrived, in order and without anything between.
  var isExact: Bool { hasAllFrames && gaps.isEmpty }
  /// Every sent frame arrived in order, with nothing but silence between: what a starved stream gives.
  var hasAllFrames: Bool { isFound && losses.isEmpty && missingAtEnd == 0 && isSilentElsewhere }

  /// So many equal frames in a row are no accident.
  private static let run = 16

  init(sent: [UInt8], recorded: [UInt8], frameBytes: Int) {
    self.sent = sent.count / frameBytes
    self.recorded = recorded.count / frameBytes
    let pair = Pair(sent: sent, recorded: recorded, frameBytes: frameBytes)
    var at = 0
    var place = 0
    while at < self.sent {
      let length = min(Comparison.run, self.sent - at)
      let (lost, found) = pair.nextMatch(of: at, length: length, from: place)
      guard let found else {
        missingAtEnd = self.sent - at
        break
      }
      if lost > 0 { losses.append(Flaw(at: at, count: lost)) }
      if !isFound { lead = found } else if found > place { gaps.append(Flaw(at: at, count: found - place)) }
      isSilentElsewhere = isSilentElsewhere && pair.isSilent(place..<found)
      isFound = true
      let equal = pair.equalFrames(at + lost, found)
      at += lost + equal
      place = found + equal
    }
    trailing = self.recorded - place
    isSilentElsewhere = isSilentElsewhere && pair.isSilent(place..<self.recorded)
  }

  var description: String {
    guard isFound else { return "none of \(sent) frames found in \(recorded) recorded" }
    let judgement = isExact ? "identical" : hasAllFrames ? "complete" : "different"
    return "\(judgement): sent \(sent), recorded \(recorded), "
      + "lead \(lead), gaps \(text(gaps)), losses \(text(losses)), missing at the end \(missingAtEnd), "
      + "trailing \(trailing)\(isSilentElsewhere ? "" : ", and what is not from the sender is not silent")"
  }

  private func text(_ flaws: [Flaw]) -> String {
    let shown = flaws.prefix(4).map { "\($0.count) at \($0.at)" }.joined(separator: ", ")
    return flaws.isEmpty ? "0" : "\(flaws.count) (\(shown)\(flaws.count > 4 ? ", …" : ""))"
  }
}
