// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization
import Testing

@testable import Platform

@Suite("Threads and mailboxes")
struct ThreadTests {
  @Test("a thread runs under its name, of which 15 bytes are kept")
  func name() throws {
    let seen = Mutex("")
    let thread = try Platform.Thread(name: "vsnd-opener-of-alsa") {
      let text = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
      seen.withLock { $0 = text }
    }
    thread.join()

    #expect(seen.withLock { $0 } == "vsnd-opener-of-\n")
  }

  @Test("messages come out in the order in which they were put, and the reader is told once")
  func mailbox() throws {
    let mailbox = try Mailbox<Int>()
    let thread = try Platform.Thread(name: "writer") { for number in 0..<100 { mailbox.put(number) } }
    thread.join()

    #expect(mailbox.takeAll() == Array(0..<100))
    #expect(mailbox.takeAll() == [])
    #expect(mailbox.descriptor.readEvent() == .nothing)
  }

  @Test("a signal becomes readable instead of interrupting (VU-205)")
  func signals() async {
    await #expect(processExitsWith: .success) {
      let signals = try Signals.take([SIGTERM, SIGINT])
      #expect(try Signals.next(from: signals) == nil)

      raise(SIGTERM)

      #expect(try Signals.next(from: signals) == SIGTERM)
    }
  }
}
