// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// A thread of the operating system with a name.
///
/// It runs with all signals blocked that a process can take (faults of its own excepted).
package final class Thread: Sendable {
  private let thread: UInt64

  /// - Parameter name: at most 15 bytes, as `top -H` and debuggers show it; the rest is cut off.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
    let box = unsafe Unmanaged.passRetained(Body(name: String(name.prefix(15)), run: body))
    var started: UInt64 = 0
    // SAFETY: the thread takes over the retained box exactly once; it exists only when the call succeeded.
    let code = unsafe vsnd_thread_start(
      &started,
      { argument in
        if let argument = unsafe argument {
          let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
          unsafe vsnd_thread_name(body.name)
          body.run()
        }
        return nil
      }, unsafe box.toOpaque())
    if code != 0 { unsafe box.release() }
    try SystemCall.check("pthread_create", code)
    thread = started
  }

  /// Lets go of it, instead of ``join()``: what it holds goes when it ends.
  package func detach() { pthread_detach(pthread_t(thread)) }

  /// Waits for its end, once only.
  ///
  /// A thread that is neither joined nor detached leaks its stack.
  package func join() { _ = vsnd_thread_join(thread) }
}

private final class Body: Sendable {
  let name: String
  let run: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
  }
}
