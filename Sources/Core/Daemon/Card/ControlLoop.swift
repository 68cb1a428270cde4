// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What a card needs of the thread that it lives on; the event loop in the daemon, a manual one in tests.
///
/// Sendable for the sake of ``post(_:)``; everything else belongs to its own thread.
package protocol ControlLoop: AnyObject, Sendable {
  /// Calls `handler` whenever `descriptor` is readable.
  func watch(_ descriptor: Int32, _ handler: @escaping () -> Void)
  func unwatch(_ descriptor: Int32)
  /// Calls `body` once, `milliseconds` from now, on this thread.
  func after(milliseconds: Int, _ body: @escaping () -> Void)
  /// Calls `body` soon, on this thread; may be called from any thread.
  func post(_ body: @escaping @Sendable () -> Void)
}
