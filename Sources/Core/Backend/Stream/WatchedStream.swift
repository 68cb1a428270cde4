// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Logging
import PluginABI
import Sound
import Synchronization

/// A running stream in the eyes of the clock: who moves it, and since when its host is away.
///
/// Used under the lock of ``StreamClock``.
@safe
final class WatchedStream: @unchecked Sendable {
  let owner: AnyObject
  let feed: UnsafeMutablePointer<Feed>
  private let parameters: OpenParameters
  private let log: Logger
  /// Asks the owner to open its device anew; it must not wait.
  private let reopen: (WatchedStream) -> Void

  private enum Mover {
    case backend(Watchdog)
    /// The daemon's clock; the watchdog tells when the backend comes back by itself.
    case clock(Pacer, attempts: UInt64)
  }
  private var mover: Mover
  private var backOff = BackOff()
  /// When to ask for a reopening; nil: the device is open, or being opened.
  private var retryAt: UInt64?
  private var hostIsAway = false

  init(
    owner: AnyObject, feed: UnsafeMutablePointer<Feed>, _ parameters: OpenParameters, log: Logger,
    now: UInt64,
    reopen: @escaping (WatchedStream) -> Void
  ) {
    self.owner = owner
    unsafe self.feed = feed
    self.parameters = parameters
    self.log = log
    self.reopen = reopen
    unsafe feed.pointee.failure.store(0, ordering: .relaxed)
    mover = .backend(Self.watchdog(parameters, 0, unsafe feed.pointee.attempts.load(ordering: .relaxed), now))
  }

  private static func watchdog(
    _ parameters: OpenParameters, _ hostFrames: UInt32, _ attempts: UInt64, _ now: UInt64
  ) -> Watchdog {
    Watchdog(
      bufferFrames: parameters.bufferFrames, hostFrames: hostFrames, rate: parameters.rate.hertz,
      attempts: attempts, now: now)
  }

  private var attempts: UInt64 { unsafe feed.pointee.attempts.load(ordering: .relaxed) }

  /// Does what is due at `now` and returns when to look again, in ns.
  func look(_ now: UInt64) -> UInt64 {
    let code = unsafe feed.pointee.failure.exchange(0, ordering: .acquiring)
    if code != 0 {
      takeOver(now, BackendError(code: code).text)
      retryAt = now + backOff.next()
    }
    switch mover {
    case .backend(var watchdog):
      if watchdog.see(attempts, now: now) {
        mover = .backend(watchdog)
        return watchdog.deadline
      }
      takeOver(now, "no call came for \(watchdog.patience / 1_000_000) ms")
      return now
    case .clock(var pacer, let seen):
      while pacer.take(now) { _ = unsafe feed.pointee.skip(pacer.periodFrames) }
      mover = .clock(pacer, attempts: seen)
      if let due = retryAt, now >= due {
        retryAt = nil
        isReopening = true
        reopen(self)
      } else if retryAt == nil, attempts != seen, code == 0, !isReopening {
        handToBackend(hostFrames: 0, now)
      }
      return min(pacer.deadline, retryAt ?? .max)
    }
  }

  /// A reopening was asked for and has not come to its end.
  private var isReopening = false

  private func takeOver(_ now: UInt64, _ why: String) {
    if !hostIsAway {
      hostIsAway = true
      log.warning("the host is away, the guest goes on without it: \(why)")
    }
    unsafe feed.pointee.give(to: .clock)
    if case .clock = mover { return }
    mover = .clock(
      Pacer(
        periodFrames: parameters.periodFrames, bufferFrames: parameters.bufferFrames,
        rate: parameters.rate.hertz, start: now), attempts: attempts)
  }

  /// The backend moves the stream from now on.
  func handToBackend(hostFrames: UInt32, _ now: UInt64) {
    isReopening = false
    retryAt = nil
    backOff = BackOff()
    unsafe feed.pointee.give(to: .backend)
    mover = .backend(Self.watchdog(parameters, hostFrames, attempts, now))
    if hostIsAway { log.notice("the host is back") }
    hostIsAway = false
  }

  /// A reopening failed, or is needed at once: another attempt follows.
  func reopenLater(_ now: UInt64) {
    isReopening = false
    if case .backend = mover { takeOver(now, "its device cannot be opened") }
    retryAt = now + backOff.next()
  }

  func retryNow() { if retryAt != nil { retryAt = 0 } }
}
