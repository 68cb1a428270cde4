// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The only Swift file that reads errno. Each wrapper is not inlined, so that nothing can run, and
// change errno, between the call and the read.

import CPlatform
import Glibc

/// A failed system call: which one, and why.
package struct SystemCallError: Error, Equatable, CustomStringConvertible {
  /// The name of the C function.
  package let call: String
  /// The errno.
  package let code: Int32

  package init(call: String, code: Int32) {
    self.call = call
    self.code = code
  }

  /// The cause alone, as strerror has it.
  package var cause: String { SystemCall.text(of: code) }

  package var description: String { "\(call): \(cause)" }
}

/// Calls C functions that return -1 and set errno.
package enum SystemCall {
  /// Runs `body` until no signal interrupts it.
  ///
  /// EFAULT traps: it says that we passed a wild pointer. EBADF does not, because descriptors of other
  /// processes can be open for nothing (O_PATH) or in the wrong direction only.
  ///
  /// - Throws: ``SystemCallError`` when `body` returns -1.
  @inline(never) @discardableResult
  package static func run<T: FixedWidthInteger>(_ call: String, _ body: () -> T) throws(SystemCallError) -> T
  {
    while true {
      let result = body()
      if result != -1 { return result }
      let code = errno
      precondition(code != EFAULT, "a wild pointer was passed to a system call")
      if code != EINTR { throw SystemCallError(call: call, code: code) }
    }
  }

  /// As ``run(_:_:)``, but nil when a non-blocking descriptor has nothing to give or to take.
  package static func attempt<T: FixedWidthInteger>(
    _ call: String, _ body: () -> T
  ) throws(SystemCallError) -> T? {
    do {
      return try run(call, body)
    } catch  where error.code == EAGAIN {
      return nil
    }
  }

  /// Calls a function that returns 0 or an errno, as those of pthread do.
  package static func check(_ call: String, _ code: Int32) throws(SystemCallError) {
    if code != 0 { throw SystemCallError(call: call, code: code) }
  }

  fileprivate static func text(of code: Int32) -> String {
    // SAFETY: C writes at most `capacity` bytes, a terminating zero included.
    unsafe String(unsafeUninitializedCapacity: 128) { text in
      unsafe text.withMemoryRebound(to: CChar.self) { characters in
        guard let start = characters.baseAddress else { return 0 }
        unsafe vsnd_describe_error(code, start, characters.count)
        return unsafe strnlen(start, characters.count)
      }
    }
  }
}
