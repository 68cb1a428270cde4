// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginKit

/// Who calls process(), and how much is due then.
struct Pace {
  let free: Bool
  /// Frames of one step without a clock.
  private let step: Int
  private let delay: StreamInfo

  init(free: Bool, _ params: Parameters) {
    self.free = free
    step = max(Int(params.periodFrames), 65_536 / params.frameBytes)
    var info = StreamInfo()
    info.delayFrames = 0
    // Never read, hence always readable: the daemon calls as often as the guest has something.
    if free { info.wake = eventfd(1, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
    delay = info
  }

  var info: StreamInfo { delay }

  @_noAllocation @_noLocks
  func due(_ tick: Tick) -> Int { free ? step : tick.dueFrames }

  /// The guest is late with `frames` frames; without a clock nobody is.
  @_noAllocation @_noLocks
  func late(_ frames: Int, _ feed: borrowing Feed) { if !free { feed.xrun(frames) } }

  func end() { if let wake = delay.wake { close(wake) } }
}

/// A stream without a file: playback is swallowed, capture is silence.
final class IdleStream: Stream {
  private let fills: Bool
  private let pace: Pace
  private let feed: Feed

  init(_ direction: Direction, _ pace: Pace, _ feed: consuming Feed) {
    fills = direction == .capture
    self.pace = pace
    self.feed = feed
    super.init()
    info = pace.info
  }

  @_noAllocation @_noLocks
  override func process(_ tick: Tick) {
    let due = pace.due(tick)
    if fills {
      feed.recordSilence(due, isDue: !pace.free)
    } else {
      feed.swallow(due, isDue: !pace.free)
    }
  }

  override func close() { pace.end() }
}
