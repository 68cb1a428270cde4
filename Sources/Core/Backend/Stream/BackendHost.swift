// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
package import Logging
package import Platform
package import Sound
import Synchronization

/// A backend at work: one instance, and the threads on which it is called.
@safe
package final class BackendHost: @unchecked Sendable {
  package let instance: Instance
  let clock: StreamClock
  private let log: Logger
  /// One, or one for each stream: as the backend allows.
  private var openers: [Opener] = []

  /// - Parameter instance: prepared.
  package init(_ instance: Instance, log: Logger) throws(SystemCallError) {
    self.instance = instance
    self.log = log
    clock = try StreamClock()
    instance.listen { [clock] event in
      if event == .restored { clock.retryNow() }
    }
  }

  var now: UInt64 { MonotonicClock.now }

  /// Makes the host's side of stream `index`; before the first guest comes.
  package func stream(_ index: Int, label: String, feed: UnsafeMutablePointer<Feed>) throws(SystemCallError)
    -> HostStream
  {
    let shares = !instance.plugin.capabilities.contains(.parallel)
    let opener: Opener
    if shares, let first = openers.first {
      opener = first
    } else {
      opener = try Opener(name: shares ? "vsnd-opener" : "vsnd-open-\(index)")
      openers.append(opener)
    }
    var log = log
    log[metadataKey: "stream"] = "\(index)"
    return unsafe HostStream(self, opener: opener, feed: feed, log: log)
  }

  /// Waits until all plugin calls are done and ends the instance; gives up on calls that hang.
  ///
  /// - Parameter milliseconds: how long to wait at most.
  /// - Returns: whether the instance could be ended.
  package func shutDown(within milliseconds: Int) -> Bool {
    let deadline = now + UInt64(milliseconds) * 1_000_000
    while !openers.allSatisfy(\.isIdle) {
      if now >= deadline { return false }
      usleep(1000)
    }
    instance.destroy()
    return true
  }
}
