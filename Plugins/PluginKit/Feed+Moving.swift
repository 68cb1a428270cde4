// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Loans from the first to the last frame that is due, for backends that need no say in between.
///
/// - `delay`, `when`: as for ``Feed/commit(_:delay:when:)``; no delay: it is not known.
/// - What the guest was late with is reported as an xrun, unless `isDue` says that no clock asked for it.
extension Feed {
  /// Playback: copies `frames` frames to `target`, silence where the guest has fewer.
  ///
  /// - Returns: how many came from the guest.
  @_noAllocation @_noLocks @unsafe @discardableResult
  public func play(
    _ target: UnsafeMutableRawPointer, frames: Int, delay: Int64? = nil, when: UInt64 = 0
  ) -> Int {
    let done = unsafe move(frames, .play(target), delay, when)
    unsafe silence(target + done &* frameBytes, frames: frames &- done)
    return done
  }

  /// Capture: hands `frames` frames at `source` to the guest.
  ///
  /// - Returns: how many the guest had room for.
  @_noAllocation @_noLocks @unsafe @discardableResult
  public func record(
    _ source: UnsafeRawPointer, frames: Int, delay: Int64? = nil, when: UInt64 = 0
  ) -> Int {
    unsafe move(frames, .record(source), delay, when)
  }

  /// Playback for a host that can wait: copies up to `frames` frames to `target`, and leaves the rest as it is.
  ///
  /// - Returns: how many came from the guest.
  @_noAllocation @_noLocks @unsafe
  public func take(
    _ target: UnsafeMutableRawPointer, frames: Int, delay: Int64? = nil, when: UInt64 = 0
  ) -> Int {
    unsafe move(frames, .play(target), delay, when, isDue: false)
  }

  /// Playback that nobody hears: takes `frames` frames.
  @_noAllocation @_noLocks
  public func swallow(_ frames: Int, isDue: Bool = true) {
    _ = unsafe move(frames, .swallow, 0, 0, isDue: isDue)
  }

  /// Capture of nothing: hands `frames` frames of silence to the guest.
  @_noAllocation @_noLocks
  public func recordSilence(_ frames: Int, isDue: Bool = true) {
    _ = unsafe move(frames, .silence, 0, 0, isDue: isDue)
  }

  /// What is done with the frames of a loan.
  @safe
  private enum Use {
    case play(UnsafeMutableRawPointer)
    case record(UnsafeRawPointer)
    case swallow
    case silence
  }

  @_noAllocation @_noLocks @unsafe
  private func move(_ frames: Int, _ use: Use, _ delay: Int64?, _ when: UInt64, isDue: Bool = true) -> Int {
    var done = 0
    while done < frames {
      let count = acquire(frames &- done)
      guard count > 0 else { break }
      var used = 0
      for index in 0..<count {
        let part = unsafe span(index)
        let run = min(unsafe part.frames, frames &- done &- used)
        let at = (done &+ used) &* frameBytes
        // SAFETY: the caller's memory has `frames` frames, of which `run` are left behind `at`.
        switch use {
        case .play(let target): unsafe (target + at).copyMemory(from: part.data, byteCount: run &* frameBytes)
        case .record(let source): unsafe part.data.copyMemory(from: source + at, byteCount: run &* frameBytes)
        case .swallow: break
        case .silence: unsafe silence(part.data, frames: run)
        }
        used &+= run
      }
      done &+= used
      if let delay { commit(used, delay: delay, when: when) } else { commit(used) }
    }
    if isDue, done < frames { xrun(frames &- done) }
    return done
  }
}
