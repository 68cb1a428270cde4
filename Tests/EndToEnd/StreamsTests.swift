// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  @Suite("Several streams")
  struct StreamsTests {
    @Test("play and record at the same time, each exactly")
    func allAtOnce() throws {
      let machine = try Machine.of(.streams)
      let patterns = [1, 2].map { Pattern.bytes(values: 2 * 96000, seed: $0) }
      try machine.scenario {
        for (name, pattern) in zip(["one", "two"], patterns) { try machine.give(pattern, as: name) }
        // Opening the device twice gives two of its substreams.
        try machine.guest.need(
          """
          for name in one two; do
            pcm play /tmp/$name -p 960 -b 15360 >/tmp/play-$name 2>&1 &
            pcm record /tmp/heard-$name -n 96000 -p 960 -b 15360 >/tmp/record-$name 2>&1 &
          done
          wait
          """)
        let output = try machine.guest.need("cat /tmp/play-* /tmp/record-*")
        let reports = Report.all(in: output)
        try #require(reports.count == 4 && reports.allSatisfy(\.isDone), "\(output)")

        let files = try [0, 1].map { try Data(contentsOf: URL(filePath: machine.folder + "/out-\($0).raw")) }
        for (pattern, report) in zip(patterns, reports) {
          let comparisons = files.map { Comparison(sent: pattern, recorded: Array($0), frameBytes: 4) }
          let found = comparisons.filter(\.isFound)
          #expect(found.count == 1, "\(comparisons)")
          #expect(found.allSatisfy { $0.hasAllFrames && ($0.isExact || report.xruns > 0) }, "\(found)")
        }
        for (name, report) in zip(["one", "two"], reports[2...]) {
          machine.expectFromMicrophone(
            try machine.take("heard-\(name)"), frameBytes: 4, restarts: report.xruns)
        }
      }
    }
  }
}
