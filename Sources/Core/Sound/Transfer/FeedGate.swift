// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Synchronization

/// Who may take loans from a feed just now.
package enum FeedOwner: UInt32, Sendable {
  /// Nobody: the stream is not started.
  case nobody = 0
  /// The audio context of the backend.
  case backend = 1
  /// The daemon's own clock, while the host is away: ``Feed/skip(_:)``.
  case clock = 2
}

/// Decides who is inside a feed: one audio context at a time, and nobody while the control thread works on it.
///
/// A word of three parts: the phase (idle, working in a call, lent between two calls), the owner, and
/// whether the control thread holds the feed back. An audio context never waits here.
struct FeedGate: ~Copyable {
  private let word = Atomic<UInt32>(FeedGate.held)
  /// A loan was taken back while its context still uses it: its memory must stay mapped.
  let stale = Atomic<Bool>(false)

  private static var working: UInt32 { @_noAllocation @_noLocks get { 1 } }
  private static var lent: UInt32 { @_noAllocation @_noLocks get { 2 } }
  private static var phase: UInt32 { @_noAllocation @_noLocks get { 3 } }
  private static var ownerShift: UInt32 { @_noAllocation @_noLocks get { 2 } }
  private static var owner: UInt32 { @_noAllocation @_noLocks get { 12 } }
  private static var held: UInt32 { @_noAllocation @_noLocks get { 16 } }
  /// How long a loan may last before it is taken back, in steps of 100 µs.
  private static var patience: Int { 500 }

  // MARK: Audio context

  /// Begins a call; after true, ``leave()`` or ``lend()`` follows.
  @_noAllocation @_noLocks
  func enter(_ owner: FeedOwner) -> Bool {
    let free = owner.rawValue &<< FeedGate.ownerShift
    let (entered, current) = word.compareExchange(
      expected: free, desired: free | FeedGate.working, ordering: .acquiringAndReleasing)
    // Whoever asks for a loan has let go of the one that was taken back.
    if owner == .backend, entered || current & FeedGate.phase != FeedGate.lent {
      stale.store(false, ordering: .releasing)
    }
    return entered
  }

  /// Ends a call that took a loan.
  @_noAllocation @_noLocks
  func lend() { _ = word.bitwiseXor(FeedGate.working | FeedGate.lent, ordering: .releasing) }

  /// Begins the call that ends a loan; false when the loan was taken back or never was.
  @_noAllocation @_noLocks
  func reenter(_ owner: FeedOwner) -> Bool {
    var now = word.load(ordering: .relaxed)
    while now & FeedGate.phase == FeedGate.lent,
      now & FeedGate.owner == owner.rawValue &<< FeedGate.ownerShift
    {
      let (done, current) = word.compareExchange(
        expected: now, desired: (now & ~FeedGate.phase) | FeedGate.working,
        ordering: .acquiringAndReleasing)
      if done { return true }
      now = current
    }
    if owner == .backend { stale.store(false, ordering: .releasing) }
    return false
  }

  /// Ends a call after which nothing is lent.
  @_noAllocation @_noLocks
  func leave() { _ = word.bitwiseAnd(~FeedGate.phase, ordering: .releasing) }

  /// Whether a loan is out.
  @_noAllocation @_noLocks
  func isLent() -> Bool { word.load(ordering: .relaxed) & FeedGate.phase == FeedGate.lent }

  /// Whether `owner` may take loans just now, or has one.
  @_noAllocation @_noLocks
  func isOpen(to owner: FeedOwner) -> Bool {
    word.load(ordering: .relaxed) & ~FeedGate.phase == owner.rawValue &<< FeedGate.ownerShift
  }

  // MARK: Other threads

  /// Keeps everybody out; when it returns nobody is inside and nothing is lent.
  func hold() {
    _ = word.bitwiseOr(FeedGate.held, ordering: .acquiringAndReleasing)
    settle { $0 }
  }

  /// Ends ``hold()``.
  func unhold() { _ = word.bitwiseAnd(~FeedGate.held, ordering: .releasing) }

  /// Changes the owner once nobody is inside.
  func give(to owner: FeedOwner) {
    settle { ($0 & ~FeedGate.owner) | owner.rawValue &<< FeedGate.ownerShift }
  }

  /// Applies `change` at a moment when the feed is idle.
  ///
  /// A call lasts as long as a copy and is waited for. A loan may be in the hands of a hung context: it
  /// is taken back after 50 ms.
  private func settle(_ change: (UInt32) -> UInt32) {
    var waits = 0
    var now = word.load(ordering: .acquiring)
    while true {
      let taken = now & FeedGate.phase == FeedGate.lent && waits >= FeedGate.patience
      if now & FeedGate.phase == 0 || taken {
        // Before the exchange: the context that finds its loan gone may clear it at once.
        if taken { stale.store(true, ordering: .releasing) }
        let (done, current) = word.compareExchange(
          expected: now, desired: change(now & ~FeedGate.phase), ordering: .acquiringAndReleasing)
        if done { return }
        if taken { stale.store(false, ordering: .releasing) }
        now = current
        continue
      }
      waits += 1
      usleep(100)
      now = word.load(ordering: .acquiring)
    }
  }
}
