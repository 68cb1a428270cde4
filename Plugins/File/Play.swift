// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

/// Playback into a file.
final class PlayStream: Stream {
  private var output: Output
  private let track: Track
  private let pace: Pace
  private let feed: Feed
  private let log: Host
  /// The errno that ended the stream, 0 while it goes on.
  private var broken: Int32 = 0

  init(_ output: consuming Output, _ track: Track, _ pace: Pace, _ feed: consuming Feed, _ host: Host) {
    self.output = output
    self.track = track
    self.pace = pace
    self.feed = feed
    log = host
    super.init()
    info = pace.info
  }

  /// Writes what is due straight from the spans.
  ///
  /// What was not written is given back, so nothing is lost or written twice.
  @_noAllocation @_noLocks
  override func process(_ tick: Tick) {
    var due = pace.due(tick)
    while due > 0, broken == 0 {
      let wanted = output.room(due)
      guard wanted > 0 else {
        fail(output.rollOver())
        continue
      }
      let count = feed.acquire(wanted)
      guard count > 0 else { return pace.late(due, feed) }
      let (frames, code) = output.write(feed, spans: count)
      feed.commit(frames, delay: 0)
      due &-= frames
      fail(code)
    }
  }

  @_noAllocation @_noLocks
  private func fail(_ code: Int32) {
    guard code != 0 else { return }
    broken = code
    feed.failed(VSND_E_IO)
  }

  override func stop(_ how: StopMode) {
    guard broken != 0, !track.isBroken else { return }
    track.isBroken = true
    log.log(VSND_LOG_ERROR, "cannot write to \(output.name): \(errno: broken)")
  }

  override func close() {
    output.save(to: track)
    track.inUse = false
    pace.end()
  }
}
