// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Synchronization

/// Tells when what was committed to a stream has left it: nothing waits any more, and the graph has gone on since.
@safe
struct Outflow {
  private let state: UnsafeMutablePointer<AudioState>
  private var cycle: UInt32
  private var cyclesLeft = 2

  /// - Parameter state: lives longer.
  @unsafe
  init(_ state: UnsafeMutablePointer<AudioState>) {
    unsafe self.state = state
    unsafe cycle = state.pointee.cycles.load(ordering: .acquiring)
  }

  /// To be asked again and again, at best once in a cycle or more often.
  mutating func isDone() -> Bool {
    let now = unsafe state.pointee.cycles.load(ordering: .acquiring)
    if now != cycle {
      cycle = now
      if unsafe state.pointee.waiting.load(ordering: .acquiring) == 0 { cyclesLeft -= 1 }
    }
    return cyclesLeft <= 0
  }
}
