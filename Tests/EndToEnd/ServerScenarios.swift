// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import ServerSupport
import Testing

// What a guest does on top of every real sound server, whose setup lets its input hear its output.

extension Machine {
  /// The guest hears its echo, goes through `trouble`, and hears its echo again.
  ///
  /// - Parameter more: descriptors that the backend may keep, as with `scenario(keeping:)`.
  func expectEchoBeforeAndAfter(keeping more: Int = 0, _ trouble: () throws -> Void) throws {
    let sent = Pattern.bytes(values: 2 * 72_000)
    try give(sent, as: "pattern.raw")
    try scenario(keeping: more) { try expectEcho(of: sent) }
    try scenario(keeping: more, trouble)
    try scenario(keeping: more) { try expectEcho(of: sent) }
  }

  /// The guest records its own echo while it plays; it must be `sent`, sample for sample.
  ///
  /// Only where the guest itself reports an xrun may the echo have gaps.
  func expectEcho(of sent: [UInt8]) throws {
    let output = try guest.need(
      """
      pcm record /tmp/heard.raw -n 168000 -p 960 -b 15360 >/tmp/recording 2>&1 &
      sleep 0.5
      pcm play /tmp/pattern.raw -p 960 -b 15360 || exit
      wait $! && cat /tmp/recording
      """)
    let reports = Report.all(in: output)
    try #require(reports.count == 2, "\(output)")
    let heard = Comparison(sent: sent, recorded: try take("heard.raw"), frameBytes: 4)
    #expect(heard.hasAllFrames || reports[1].xruns > 0, "\(heard); \(output)")
    if reports.allSatisfy({ $0.xruns == 0 }) { #expect(heard.isExact, "\(heard); \(output)") }
  }

  /// The guest plays on in real time while its server crashes, and another takes its place half a second later.
  func expectToOutlive(buffer: Int = 1920, endOf server: SoundServer) throws {
    try expectToOutlive(buffer: buffer) {
      try server.crash()
      usleep(500_000)
      try server.restart()
    }
  }

  /// The guest plays on in real time while `trouble` ends its server and starts another, or lets it hang.
  ///
  /// - Parameters:
  ///   - period: frames of the guest's period.
  ///   - buffer: frames of its buffer.
  func expectToOutlive(period: Int = 480, buffer: Int = 1920, _ trouble: () throws -> Void) throws {
    let before = daemon.log.count
    try guest.need("pcm play /dev/zero -n 240000 -p \(period) -b \(buffer) >/tmp/playing 2>&1 &")
    usleep(500_000)
    try trouble()
    let output = try guest.need("until grep -q = /tmp/playing; do sleep 0.2; done; cat /tmp/playing")
    let report = try #require(Report.all(in: output).first, "\(output)")
    #expect(report.seconds > 4.8 && report.seconds < 6.5, "\(output)")
    let log = daemon.log.dropFirst(before)
    #expect(log.contains("the host is gone") && log.contains("the host is back"), "\(log)")
  }
}
