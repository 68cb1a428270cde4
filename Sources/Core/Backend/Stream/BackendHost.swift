// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Logging
package import Platform
package import Sound

/// A backend at work: its instance, the threads that call it, and the streams of the card.
@safe
package final class BackendHost: Sendable {
  package let instance: Instance
  private let watcher: StreamWatcher
  private let log: Logger
  /// One, or one for each stream: as the backend allows.
  private let openers = Locked<[Opener]>([])

  /// Takes over `instance`, which is prepared.
  package init(_ instance: Instance, log: Logger) throws(SystemCallError) {
    self.instance = instance
    self.log = log
    watcher = try StreamWatcher()
    instance.listen { [watcher] event in
      if event == .restored { watcher.forEach { $0.serverRestored() } }
    }
  }

  /// Makes the host's side of stream `index`; before the first guest comes.
  ///
  /// - Parameters:
  ///   - label: how the log calls it.
  ///   - feed: stays where it is until shutDown(within:) has returned true.
  package func stream(_ index: Int, label: String, feed: UnsafeMutablePointer<Feed>) throws(SystemCallError)
    -> HostStream
  {
    let stream = unsafe HostStream(
      "stream \(index) (\(label))", feed: feed, instance: instance, opener: try opener(index),
      watcherSignal: watcher.signal, log: log)
    watcher.add(stream)
    return stream
  }

  private func opener(_ index: Int) throws(SystemCallError) -> Opener {
    try openers.withLock { openers throws(SystemCallError) in
      let isShared = !instance.plugin.capabilities.contains(.parallel)
      if isShared, let first = openers.first { return first }
      let opener = try Opener(name: isShared ? "vsnd-opener" : "vsnd-open-\(index)")
      openers.append(opener)
      return opener
    }
  }

  /// Closes all streams and ends the backend; no call of host or streams may follow.
  ///
  /// - Parameter milliseconds: how long to wait for a backend that hangs; it is then left behind.
  /// - Returns: whether everything has ended.
  package func shutDown(within milliseconds: Int) -> Bool {
    let deadline = MonotonicClock.now + UInt64(max(0, milliseconds)) * 1_000_000
    instance.listen(nil)
    watcher.forEach { $0.release(.discard) }
    watcher.end()
    let openers = openers.withLock { $0 }
    for opener in openers { opener.end() }
    guard openers.allSatisfy({ $0.wait(until: deadline) }) else { return false }
    // destroy() may hang as well; without a thread for it there is nobody left who could.
    guard let last = try? Opener(name: "vsnd-destroy") else { return false }
    last.put { [instance] in instance.destroy() }
    last.end()
    return last.wait(until: deadline)
  }
}
