// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform

/// The event loop as the card sees it.
final class CardLoop: ControlLoop, @unchecked Sendable {
  /// Belongs to its thread, as everything here but ``post(_:)``.
  private let loop: EventLoop
  private let remote: EventLoop.Remote

  init(_ loop: EventLoop) {
    self.loop = loop
    remote = loop.remote
  }

  func watch(
    _ descriptor: Descriptor, onKick: @escaping () -> Void, onBroken: @escaping (String) -> Void
  ) -> any Watching {
    do {
      return try KickWatch(descriptor, on: loop, onKick: onKick, onBroken: onBroken)
    } catch {
      // What cannot be watched, a regular file for example, is as good as broken.
      let why = error.cause
      loop.schedule(at: 0) { onBroken(why) }
      return NoWatch()
    }
  }

  func after(milliseconds: Int, _ body: @escaping () -> Void) {
    loop.schedule(at: MonotonicClock.now + UInt64(max(0, milliseconds)) * 1_000_000, body)
  }

  func post(_ body: @escaping @Sendable () -> Void) { remote.post(body) }
}

extension KickWatch: Watching {}

/// Stands for a descriptor that could not be watched.
private final class NoWatch: Watching {
  func cancel() {}
}
