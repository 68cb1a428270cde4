// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// Watches an eventfd of a front-end, which may be anything: broken, or readable for ever.
///
/// It is read once for each kick. More than ``burst`` kicks within ``span`` wait for its end, so that no
/// front-end keeps the control thread busy; they are not lost, an eventfd counts them (VU-077, hostile 21).
package final class KickWatch {
  static let burst = 200
  /// In nanoseconds.
  static let span: UInt64 = 10_000_000

  private let loop: EventLoop
  private let onKick: () -> Void
  private let onBroken: (String) -> Void
  private var watch: EventLoop.Watch?
  private var retry: Timer?
  private var spanStart: UInt64 = 0
  private var kicks = 0

  /// - Parameters:
  ///   - onKick: called for each signal.
  ///   - onBroken: called once, with the reason, when the descriptor is of no use any more; the watch has
  ///     ended then.
  ///
  /// What cannot be watched at all, such as a regular file, is broken as well: `onBroken` is called soon.
  package init(
    _ descriptor: Descriptor, on loop: EventLoop, onKick: @escaping () -> Void,
    onBroken: @escaping (String) -> Void
  ) {
    self.loop = loop
    self.onKick = onKick
    self.onBroken = onBroken
    do {
      watch = try loop.watch(descriptor) { [weak self] in self?.look(at: descriptor, $0) }
    } catch {
      // Not from here: the caller does not have the watch yet.
      retry = loop.schedule(at: 0) { [weak self] in self?.fail(error.description) }
    }
  }

  /// Ends the watch; neither closure is called any more.
  package func cancel() {
    watch?.cancel()
    watch = nil
    retry?.cancel()
  }

  deinit {
    watch?.cancel()
    retry?.cancel()
  }

  private func look(at descriptor: Descriptor, _ readiness: Readiness) {
    limit()
    switch descriptor.readEvent() {
    case .signalled: onKick()
    case .nothing where readiness.isDisjoint(with: .hangup): break
    case .nothing: fail("its other end is gone")
    case .broken(let reason): fail(reason)
    }
  }

  private func fail(_ reason: String) {
    cancel()
    onBroken(reason)
  }

  private func limit() {
    let now = MonotonicClock.now
    if now >= spanStart + Self.span {
      spanStart = now
      kicks = 0
    }
    kicks += 1
    guard kicks >= Self.burst else { return }
    watch?.pause()
    retry = loop.schedule(at: spanStart + Self.span) { [weak self] in
      do {
        try self?.watch?.resume()
      } catch {
        self?.fail("\(error)")
      }
    }
  }
}
