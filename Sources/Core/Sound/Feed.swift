// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import PluginABI
package import Synchronization

/// Who may take loans from a feed just now.
package enum FeedOwner: UInt32, Sendable {
  /// Nobody: the stream is not started.
  case nobody = 0
  /// The audio context of the backend.
  case backend = 1
  /// The daemon's own clock, while the host is away: ``Feed/skip(_:)``.
  case clock = 2
}

/// The daemon's side of one stream: lends the guest's buffers to an audio context and completes them.
///
/// Lives at a fixed address for as long as its stream exists. Calls of the audio context
/// (``acquire(_:_:_:)``, ``commit(_:delay:when:)``, ``xrun(_:)``, ``fail(_:)``, ``skip(_:)``) neither lock,
/// allocate nor wait.
@safe
package struct Feed: ~Copyable {
  /// Calls of acquire by the backend, also those that got nothing: shows that its audio context lives.
  package let attempts = Atomic<UInt64>(0)
  /// Frames completed by the backend or by the clock since the stream was prepared.
  package let committed = Atomic<UInt64>(0)
  /// The code of ``fail(_:)``, 0 for none; whoever handles it stores 0.
  package let failure = Atomic<Int32>(0)
  /// An eventfd that ``fail(_:)`` signals, -1 for none.
  package let failureSignal = Atomic<Int32>(-1)

  package init() {}

  /// Backend: lends up to `frames` frames as at most `capacity` spans; returns how many spans.
  @_noAllocation @_noLocks
  package mutating func acquire(
    _ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32
  ) -> UInt32 { 0 }

  /// Backend: ends the loan, of which the first `frames` were used.
  ///
  /// - Parameters:
  ///   - delay: frames from the end of this commit to the ear, `Int64.min` when unknown.
  ///   - when: CLOCK_MONOTONIC in ns when `delay` was true, 0 for now.
  @_noAllocation @_noLocks
  package mutating func commit(_ frames: UInt32, delay: Int64, when: UInt64) {}

  /// Backend: `lost` frames were not played or not recorded.
  @_noAllocation @_noLocks
  package mutating func xrun(_ lost: UInt32) {}

  /// Backend: the stream cannot go on, for the reason `code` (VSND_E_*).
  @_noAllocation @_noLocks
  package mutating func fail(_ code: Int32) {}

  /// Clock: consumes up to `frames` frames of playback unheard, or fills as many of capture with silence.
  ///
  /// - Returns: how many frames the guest had ready.
  @_noAllocation @_noLocks
  package mutating func skip(_ frames: UInt32) -> UInt32 { 0 }

  /// Says who may take loans; a loan of the former owner is taken back from it, its commit is ignored.
  ///
  /// Waits for a call of the audio context that is just inside, never for a loan. Any thread but the
  /// audio context.
  package mutating func give(to owner: FeedOwner) {}
}
