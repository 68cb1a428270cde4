// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("A front-end that goes away")
  struct FrontEndTests {
    private let play = "pcm play /dev/zero -n 4800000 -p 480 -b 3840 >/tmp/playing 2>&1 &"

    @Test("while the guest plays leaves the daemon ready for the next one, with nothing kept")
    func crashes() throws {
      try Machine.alone(.file) { machine in
        let (descriptors, threads) = (machine.daemon.descriptors, machine.daemon.threads)
        try machine.guest.need(play)
        usleep(500_000)
        try machine.guest.crash()

        try machine.next { next in
          try next.scenario { try next.expectExactPlayback() }
          #expect(next.daemon.descriptors <= descriptors)
          #expect(next.daemon.threads <= threads)
        }
      }
    }

    @Test("is not waited for: SIGTERM ends the daemon within a second while the guest plays")
    func terminates() throws {
      try Machine.alone(.null) { machine in
        try machine.guest.need(play)
        usleep(500_000)

        let started = Date()
        let status = machine.daemon.end()

        #expect(status == 0)
        #expect(Date().timeIntervalSince(started) < 1)
        #expect(!FileManager.default.fileExists(atPath: machine.daemon.socket))
      }
    }
  }
}
