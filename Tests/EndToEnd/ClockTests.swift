// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("The clock")
  struct ClockTests {
    @Test("of the null backend paces what is played (B11)")
    func nullPlaysInTime() throws {
      let machine = try Machine.of(.null)
      try machine.scenario {
        let output = try machine.guest.need("pcm play /dev/zero -n 96000 -p 960 -b 7680")
        let report = try #require(Report.all(in: output).first)

        // The buffer was filled before the clock started; the drain waits for its last frame.
        #expect(report.seconds > 1.9)
        #expect(report.seconds < 2.5 || report.xruns > 0)
      }
    }

    @Test("of the null backend lets recordings end, with silence (B11)")
    func nullRecordsInTime() throws {
      let machine = try Machine.of(.null)
      try machine.scenario {
        let output = try machine.guest.need("pcm record /tmp/heard.raw -n 96000 -p 960 -b 7680")
        let report = try #require(Report.all(in: output).first)
        let heard = try machine.take("heard.raw")

        #expect(report.seconds > 1.9)
        #expect(report.seconds < 2.5 || report.xruns > 0)
        #expect(heard.count == 96000 * 4)
        #expect(heard.allSatisfy { $0 == 0 })
      }
    }

    @Test("needs no kick from the guest while streams run")
    func needsNoKick() throws {
      let machine = try Machine.of(.null)
      let periods = 100
      try machine.scenario {
        let counts = try machine.guest.need(
          """
          cd /sys/kernel/tracing
          # A virtqueue's name is the fourth word of it, behind a list head and a callback.
          echo 'p:kick vp_notify queue=+0(+24(%di)):string' >kprobe_events || exit
          echo 1 >events/kprobes/kick/enable; echo >trace
          pcm play /dev/zero -n \(480 * periods) -p 480 -b 3840 >/dev/null || exit
          pcm record /dev/null -n \(480 * periods) -p 480 -b 3840 >/dev/null || exit
          echo 0 >events/kprobes/kick/enable
          for queue in ctl tx rx; do echo $queue $(grep -c "virtsnd-$queue" trace); done
          echo >kprobe_events
          """)
        let kicks = counts.split(separator: "\n").reduce(into: [Substring: Int]()) { kicks, line in
          let words = line.split(separator: " ")
          kicks[words[0]] = Int(words[1])
        }

        // The first proves that the probe counts.
        #expect(kicks["ctl"] ?? 0 >= 10)
        #expect(kicks["tx"] ?? periods <= 2, "tx kicks for \(periods) periods")
        #expect(kicks["rx"] ?? periods <= 2, "rx kicks for \(periods) periods")
      }
    }
  }
}
