// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Glibc

/// Signals of the process, taken as bytes of a descriptor instead of by interrupting a thread.
package enum Signals {
  /// Blocks `signals` in the calling thread, and in those it starts later, and ignores SIGPIPE.
  ///
  /// Call before any thread is started.
  ///
  /// - Returns: a descriptor to ``next(from:)``.
  package static func take(_ signals: [Int32]) throws(SystemCallError) -> Descriptor {
    // SAFETY: the set lives through the calls.
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    try SystemCall.check("pthread_sigmask", unsafe pthread_sigmask(SIG_BLOCK, &set, nil))
    ignoreBrokenPipes()
    return Descriptor(
      owning: try SystemCall.run("signalfd") {
        unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
      })
  }

  /// Lets writes to a closed pipe or socket fail with an error instead of ending the process.
  package static func ignoreBrokenPipes() {
    _ = Glibc.signal(SIGPIPE, SIG_IGN)
  }

  /// The next signal that came, nil for none.
  package static func next(from descriptor: Descriptor) throws(SystemCallError) -> Int32? {
    var info = signalfd_siginfo()
    // SAFETY: reads the size of `info` at most.
    let size = try SystemCall.attempt("read") {
      unsafe read(descriptor.raw, &info, MemoryLayout<signalfd_siginfo>.size)
    }
    return size == MemoryLayout<signalfd_siginfo>.size ? Int32(bitPattern: info.ssi_signo) : nil
  }
}
