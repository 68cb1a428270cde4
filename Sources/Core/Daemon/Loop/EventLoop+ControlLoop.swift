// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

extension KickWatch: Watching {}

/// Sendable because ``ControlLoop`` is: of it all, only posting is for other threads, and that goes through
/// ``remote``, which is Sendable by itself.
extension EventLoop: ControlLoop, @unchecked Sendable {
  package func watch(
    _ descriptor: Descriptor, onKick: @escaping () -> Void, onBroken: @escaping (String) -> Void
  ) -> any Watching {
    KickWatch(descriptor, on: self, onKick: onKick, onBroken: onBroken)
  }

  package func after(milliseconds: Int, _ body: @escaping () -> Void) {
    schedule(at: MonotonicClock.now + UInt64(Swift.max(milliseconds, 0)) * 1_000_000, body)
  }

  package func post(_ body: @escaping @Sendable () -> Void) { remote.post(body) }
}
