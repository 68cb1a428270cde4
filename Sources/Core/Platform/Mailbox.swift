// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A queue into which any thread puts messages for one reader, who is told through an eventfd.
package final class Mailbox<Message: Sendable>: Sendable {
  /// Readable while there is something to take.
  package let descriptor: Descriptor
  private let messages = Locked<[Message]>([])

  package init() throws(SystemCallError) { descriptor = try .event() }

  /// Any thread, but no audio context: it allocates and locks.
  package func put(_ message: Message) {
    messages.withLock { $0.append(message) }
    descriptor.signal()
  }

  /// The reader: everything put so far, in order.
  package func takeAll() -> [Message] {
    // First the signal, then the messages: what is put in between is signalled again.
    _ = descriptor.readEvent()
    return messages.withLock { queue in
      defer { queue = [] }
      return queue
    }
  }
}
