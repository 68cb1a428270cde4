// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

extension Echo {
  /// Frames that were played and not heard: where, and how many.
  struct Loss {
    let at: Int
    let frames: Int
  }

  /// What was lost; nil when something else was heard than parts of what was played, in order.
  func losses() -> [Loss]? {
    let (sent, heard, size) = (player.sent, heard, shape.frameBytes)
    var losses: [Loss] = []
    var (at, got) = (0, 0)
    while got < heard.count {
      if at < sent.count, sent[at..<at + size].elementsEqual(heard[got..<got + size]) {
        at += size
        got += size
        continue
      }
      // No two runs of eight frames are alike.
      let run = heard[got..<min(got + 8 * size, heard.count)]
      let next = stride(from: at + size, through: sent.count - run.count, by: size)
        .first { sent[$0..<$0 + run.count].elementsEqual(run) }
      guard let next else { return nil }
      losses.append(Loss(at: at / size, frames: (next - at) / size))
      at = next
    }
    if at < sent.count { losses.append(Loss(at: at / size, frames: (sent.count - at) / size)) }
    return losses
  }

  /// Expects that at most `frames` frames were lost, and that the rest was heard in order.
  func expectLoss(atMost frames: Int) {
    let losses = losses()
    let lost = losses?.reduce(0) { $0 + $1.frames }
    #expect(lost.map { $0 <= frames } == true, "\(losses.map { "\($0)" } ?? "other frames were heard")")
  }
}
