// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("A driver that goes and comes back")
  struct DriverTests {
    private let playing = "pcm play /tmp/noise.raw -p 480 -b 3840 >/tmp/playing 2>&1 &"
    private let makeNoise = "dd if=/dev/urandom of=/tmp/noise.raw bs=96000 count=40 2>/dev/null"

    @Test("finds the card again, five times")
    func reloads() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        for _ in 1...5 {
          try machine.guest.need(
            "rmmod virtio_snd && modprobe virtio_snd && grep -q virtio-snd /proc/asound/cards")
        }
        try machine.expectExactPlayback(seconds: 0.5)
      }
    }

    @Test("plays again after a reboot while it played (B13)", arguments: [false, true])
    func reboots(byReset: Bool) throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.guest.need("\(makeNoise); \(playing)")
        usleep(500_000)
        try machine.guest.restart(byReset: byReset)

        try machine.expectExactPlayback(seconds: 1)
        let output = try machine.guest.need("pcm record /tmp/heard.raw -n 24000 -p 480 -b 3840")
        #expect(Report.all(in: output).count == 1)
      }
    }

    @Test("plays again after a suspend while it played (B13)")
    func suspends() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.guest.need("\(makeNoise); \(playing)")
        usleep(300_000)
        // A shorter stay than the five seconds that pm_test waits by itself.
        try machine.guest.need(
          """
          share unmount || exit
          echo 1 >/sys/module/suspend/parameters/pm_test_delay
          echo devices >/sys/power/pm_test && echo mem >/sys/power/state || exit
          share mount || exit
          sleep 0.5; killall pcm; sleep 0.2; true
          """)
        try machine.expectExactPlayback(seconds: 1)
      }
    }
  }
}
