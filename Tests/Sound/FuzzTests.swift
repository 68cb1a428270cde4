// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@Suite("Queues and requests: random steps")
struct FuzzTests {
  private func random(_ count: Int, _ numbers: inout RepeatableNumbers) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &numbers) }
  }

  @Test("no random walk loses, doubles or mixes frames or buffers (VS-135, VU-088)", arguments: 0..<8)
  func transfer(seed: UInt64) {
    var numbers = RepeatableNumbers(seed: seed)
    for round in 0..<125 {
      let bytes = random(Int.random(in: 40...1500, using: &numbers), &numbers)
      let wrong = bytes.withUnsafeBytes { fuzzTransfer($0) }
      #expect(wrong == nil, "seed \(seed), round \(round)")
      if wrong != nil { return }
    }
  }

  @Test(
    "every random control message is answered once, within its room (VS-025, hostile 44)", arguments: 0..<4)
  func control(seed: UInt64) throws {
    let card = try testCard()
    var numbers = RepeatableNumbers(seed: seed)
    for round in 0..<100 {
      let bytes = random(1000, &numbers)
      let wrong = bytes.withUnsafeBytes { fuzzControl($0, card: card) }
      #expect(wrong == nil, "seed \(seed), round \(round)")
      if wrong != nil { return }
    }
  }
}
