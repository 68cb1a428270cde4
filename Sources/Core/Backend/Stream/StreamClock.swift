// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization

/// Watches audio contexts, and completes the guest's buffers while one is away.
///
/// One thread for all streams.
final class StreamClock: Sendable {
  private let streams = Mutex<[ObjectIdentifier: WatchedStream]>([:])
  private let wake: Descriptor

  init() throws(SystemCallError) {
    wake = try Descriptor.event()
    // Lives as long as the process.
    _ = try Thread(name: "vsnd-clock") { [self] in
      while true {
        let next = streams.withLock { all in
          let now = MonotonicClock.now
          return all.values.map { $0.look(now) }.min()
        }
        _ = Wait.until(next, wake.raw)
        _ = wake.readEvent()
      }
    }
  }

  /// An eventfd that makes the clock look at once.
  var signal: Descriptor { wake }

  /// Begins to watch a stream that starts; the owner of its feed is the clock's to change from now on.
  func watch(_ stream: WatchedStream) {
    streams.withLock { $0[ObjectIdentifier(stream.owner)] = stream }
    wake.signal()
  }

  /// Ends the watch over the stream of `owner`; nobody owns its feed after the return.
  func forget(_ owner: AnyObject) {
    streams.withLock { all in
      guard let stream = all.removeValue(forKey: ObjectIdentifier(owner)) else { return }
      unsafe stream.feed.pointee.give(to: .nobody)
    }
  }

  /// Gives the feed of `stream` to the backend, if the stream is still watched.
  func hand(_ stream: WatchedStream, hostFrames: UInt32) -> Bool {
    streams.withLock { all in
      guard all[ObjectIdentifier(stream.owner)] === stream else { return false }
      stream.handToBackend(hostFrames: hostFrames, MonotonicClock.now)
      return true
    }
  }

  /// An attempt to open the device of `stream` failed: another one follows.
  func reopenLater(_ stream: WatchedStream) {
    streams.withLock { all in
      if all[ObjectIdentifier(stream.owner)] === stream { stream.reopenLater(MonotonicClock.now) }
    }
    wake.signal()
  }

  /// The server is back: streams that wait to be reopened need not wait longer.
  func retryNow() {
    streams.withLock { all in for stream in all.values { stream.retryNow() } }
    wake.signal()
  }
}
