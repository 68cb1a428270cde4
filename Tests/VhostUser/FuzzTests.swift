// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing
import Virtqueue

@testable import VhostUser

@Suite("Session: arbitrary messages")
struct FuzzTests {
  @Test("thousands of arbitrary messages break no rule of the protocol", arguments: 0..<16 as Range<UInt64>)
  func arbitrary(seed: UInt64) {
    var numbers = RepeatableNumbers(seed: seed)
    for round in 0..<250 {
      let input = (0..<Int.random(in: 0...400, using: &numbers)).map { _ in
        UInt8.random(in: 0...255, using: &numbers)
      }

      #expect(input.withUnsafeBytes { fuzzSession($0) } == nil, "seed \(seed), round \(round)")
    }
  }

  @Test("arbitrary bytes either become messages or lose their framing", arguments: 0..<8 as Range<UInt64>)
  func arbitraryBytes(seed: UInt64) {
    var numbers = RepeatableNumbers(seed: seed)
    for _ in 0..<500 {
      var input = (0..<200).map { _ in UInt8.random(in: 0...255, using: &numbers) }[...]
      // Half of them with a header that is good so far.
      if Bool.random(using: &numbers) { input.replaceSubrange(4..<12, with: [1, 0, 0, 0, 9, 0, 0, 0]) }
      var reader = MessageReader()
      var messages = 0
      do {
        while !input.isEmpty { if try reader.read(&input) != nil { messages += 1 } }
      } catch {
        continue
      }
      #expect(messages <= 16)
    }
  }

  @Test("memory survives arbitrary changes of its table", arguments: 0..<8 as Range<UInt64>)
  func arbitraryTables(seed: UInt64) throws {
    var numbers = RepeatableNumbers(seed: seed)
    let ram = try GuestRAM(size: 1 << 16)
    var table = MemoryTable()
    func range(_ numbers: inout RepeatableNumbers) -> MemoryRange {
      let edges: [UInt64] = [0, 1, 0x1000, 0x8000, 0xffff, 0x1_0000, 1 << 62, 1 << 63, .max - 1, .max]
      return MemoryRange(
        guestAddress: edges.randomElement(using: &numbers) ?? 0,
        size: edges.randomElement(using: &numbers) ?? 0,
        userAddress: edges.randomElement(using: &numbers) ?? 0,
        fileOffset: edges.randomElement(using: &numbers) ?? 0)
    }
    for _ in 0..<2000 {
      let change = range(&numbers)
      switch Int.random(in: 0..<3, using: &numbers) {
      case 0: try? table.add(change, ram.file)
      case 1: try? table.remove(change)
      default: try? table.replace([change, range(&numbers)], [ram.file, ram.file])
      }
      let regions = table.memory.regions
      for (one, other) in zip(regions, regions.dropFirst()) {
        #expect(one.guestAddress + one.size <= other.guestAddress)
      }
      #expect(!table.holds(change.userAddress, .max))
    }
  }
}
