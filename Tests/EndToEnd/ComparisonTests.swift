// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

/// The judge of all other tests here; it needs no guest.
@Suite("EndToEnd comparison")
struct ComparisonTests {
  private static let frames = 4000
  private static let sent = Pattern.bytes(values: frames * 2)

  private func compare(_ pieces: [ArraySlice<UInt8>]) -> Comparison {
    Comparison(sent: Self.sent, recorded: Array(pieces.joined()), frameBytes: 4)
  }

  private func frames(_ range: Range<Int>) -> ArraySlice<UInt8> {
    Self.sent[range.lowerBound * 4..<range.upperBound * 4]
  }

  private func silence(_ frames: Int) -> ArraySlice<UInt8> { Array(repeating: 0, count: frames * 4)[...] }

  @Test("what arrived between silences is identical")
  func silenceAround() {
    let result = compare([silence(100), frames(0..<4000), silence(7)])

    #expect(result.isExact)
    #expect(result.lead == 100)
    #expect(result.trailing == 7)
  }

  @Test("silence inside is a gap, and all frames are there")
  func gap() {
    let result = compare([frames(0..<1500), silence(480), frames(1500..<4000)])

    #expect(result.gaps == [Comparison.Flaw(at: 1500, count: 480)])
    #expect(result.hasAllFrames)
    #expect(!result.isExact)
  }

  @Test("missing frames are a loss", arguments: [1, 63, 64, 65, 1000])
  func loss(count: Int) {
    let result = compare([frames(0..<1500), frames(1500 + count..<4000)])

    #expect(result.losses == [Comparison.Flaw(at: 1500, count: count)])
    #expect(!result.hasAllFrames)
  }

  @Test("a period that lost its last 4 bytes is a loss of one frame")
  func lastFrameOfEachPeriod() {
    let result = compare((0..<4).map { frames($0 * 1000..<$0 * 1000 + 999) })

    #expect(result.losses.map(\.count) == [1, 1, 1])
    #expect(result.missingAtEnd == 1)
  }

  @Test("noise between frames is not silence")
  func noise() {
    let result = compare([frames(0..<1500), Array(repeating: 1, count: 400)[...], frames(1500..<4000)])

    #expect(!result.hasAllFrames)
  }

  @Test("a changed byte is a loss of the frames around it")
  func changed() {
    var changed = Self.sent
    changed[6000] ^= 1
    let result = Comparison(sent: Self.sent, recorded: changed, frameBytes: 4)

    #expect(!result.hasAllFrames)
    #expect(result.losses.first?.at == 1500)
  }

  @Test("nothing, or something else, is not found", arguments: [0, 4000])
  func unrelated(count: Int) {
    let result = compare([Pattern.bytes(values: count * 2, seed: 3)[...]])

    #expect(!result.isFound)
    #expect(!result.hasAllFrames)
  }
}
