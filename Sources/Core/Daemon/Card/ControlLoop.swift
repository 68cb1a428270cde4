// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// A watch that can be ended.
package protocol Watching: AnyObject {
  /// Ends the watch; no call comes after the return.
  func cancel()
}

/// What a card needs of the thread that it lives on; the event loop in the daemon, a manual one in tests.
///
/// Sendable for the sake of ``post(_:)``; everything else belongs to its own thread.
package protocol ControlLoop: AnyObject, Sendable {
  /// Calls `onKick` for each signal of an eventfd, and `onBroken` once if it is of no use (any more).
  func watch(
    _ descriptor: Descriptor, onKick: @escaping () -> Void, onBroken: @escaping (String) -> Void
  ) -> any Watching
  /// Calls `body` once, `milliseconds` from now, on this thread.
  func after(milliseconds: Int, _ body: @escaping () -> Void)
  /// Calls `body` soon, on this thread; may be called from any thread.
  func post(_ body: @escaping @Sendable () -> Void)
}
