// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Sound
import Synchronization

/// A feed without a guest: it has nothing to lend, but counts who asks.
package final class TestFeed: @unchecked Sendable {
  private let queue: UnsafeMutablePointer<TransferQueue>
  package let feed: UnsafeMutablePointer<Feed>

  package init(isCapture: Bool = false) {
    queue = .allocate(capacity: 1)
    queue.initialize(to: TransferQueue(isCapture: isCapture, streamCount: 1))
    feed = .allocate(capacity: 1)
    feed.initialize(to: Feed(queue: queue))
    queue.pointee.attach(feed, stream: 0)
    feed.pointee.unhold()
  }

  deinit {
    feed.deinitialize(count: 1)
    feed.deallocate()
    queue.deinitialize(count: 1)
    queue.deallocate()
  }

  /// When the last loan was asked for; 0 for never.
  package var asked: UInt64 { feed.pointee.asked.load(ordering: .relaxed) }
}
