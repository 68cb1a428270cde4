// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI
import Virtqueue

extension Lane {
  /// Lends up to `frames` frames as at most `capacity` spans; returns how many spans.
  @_noAllocation @_noLocks
  mutating func lend(
    _ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32, _ view: TransferView
  ) -> UInt32 {
    loan.begin(frames)
    guard frameBytes > 0, frames > 0, capacity > 0 else { return 0 }
    if loan.bouncing { lendBounce(frames, view) } else { lendGuestMemory(frames, capacity, view) }
    var index: UInt32 = 0
    while index < loan.partCount {
      let part = loan.part(index)
      // SAFETY: there are at most `capacity` parts.
      unsafe (spans + Int(index)).initialize(
        to: vsnd_span_t(data: part.base, frames: part.frames, reserved: 0))
      index &+= 1
    }
    return loan.partCount
  }

  @_noAllocation @_noLocks
  private mutating func lendGuestMemory(_ frames: UInt32, _ capacity: UInt32, _ view: TransferView) {
    if let base = unsafe carry.base(), carry.remaining() > 0 {
      let saved = carry.remaining() / frameBytes
      _ = unsafe loan.add(
        base, saved < frames ? saved : frames, .carry, frameBytes: frameBytes, limit: capacity)
    }
    guard loadFront(view) else { return }
    var at = front
    while loan.frames < frames {
      if at.remaining == 0 {
        guard load(&at, at.index &+ 1, view) else { return }
        continue
      }
      guard lendHere(&at, frames &- loan.frames, capacity, view) else { return }
    }
  }

  /// Lends what is contiguous at `at`, up to `frames` frames, and moves behind it; false when the loan is full.
  @_noAllocation @_noLocks
  private mutating func lendHere(
    _ at: inout LanePosition, _ frames: UInt32, _ capacity: UInt32, _ view: TransferView
  ) -> Bool {
    let wanted = UInt64(frames) &* UInt64(frameBytes)
    let limit = wanted < UInt64(at.remaining) ? Int(wanted) : Int(at.remaining)
    let run = at.cursor.run(upTo: limit, view.segments, view.memory)
    let whole = UInt32(truncatingIfNeeded: run.count) / frameBytes
    if whole > 0, let base = unsafe run.base {
      guard unsafe loan.add(base, whole, .guest, frameBytes: frameBytes, limit: capacity) else {
        return false
      }
      at.advance(whole &* frameBytes, view)
      return true
    }
    // A frame that is cut by the border of a descriptor, or whose memory is gone.
    guard loan.partCount < capacity, let stitch = unsafe loan.stitch() else { return false }
    if isCapture { at.advance(frameBytes, view) } else { unsafe at.read(stitch, frameBytes, view) }
    return unsafe loan.add(stitch, 1, .copy, frameBytes: frameBytes, limit: capacity)
  }

  /// Lends memory of the daemon's, as much as the guest has room for.
  @_noAllocation @_noLocks
  private mutating func lendBounce(_ frames: UInt32, _ view: TransferView) {
    guard let bounce = unsafe loan.bounce, loadFront(view) else { return }
    let room = UInt32(truncatingIfNeeded: loan.bounceBytes) / frameBytes
    let limit = frames < room ? frames : room
    var count: UInt32 = 0
    var at = front
    while count < limit {
      count &+= at.remaining / frameBytes
      guard load(&at, at.index &+ 1, view) else { break }
    }
    if count > 0 {
      _ = unsafe loan.add(bounce, count < limit ? count : limit, .copy, frameBytes: frameBytes, limit: 1)
    }
  }

  /// Ends the loan: its first `used` frames are consumed, chains that are through go back.
  ///
  /// - Parameters:
  ///   - delay: as in ``Feed/commit(_:delay:age:)``.
  ///   - age: likewise.
  @_noAllocation @_noLocks
  mutating func commit(_ used: UInt32, delay: Int64, age: Int64, _ view: TransferView) {
    let delay = aged(delay, age)
    var done: UInt32 = 0
    var index: UInt32 = 0
    while index < loan.partCount, done < used {
      let part = loan.part(index)
      let count = part.frames < used &- done ? part.frames : used &- done
      switch part.kind {
      case .carry: _ = carry.consume(count &* frameBytes)
      case .guest: unsafe consume(count, from: nil, done, used, delay, view)
      case .copy: unsafe consume(count, from: isCapture ? part.base : nil, done, used, delay, view)
      }
      done &+= count
      index &+= 1
    }
    loan.begin(0)
  }

  /// Moves by `frames` frames, which are `before` frames behind the start of a commit of `all` frames.
  ///
  /// - Parameter source: what to copy into guest memory; nil: it is there already, or was only read.
  @_noAllocation @_noLocks @unsafe
  private mutating func consume(
    _ frames: UInt32, from source: UnsafeMutableRawPointer?, _ before: UInt32, _ all: UInt32, _ delay: Int64,
    _ view: TransferView
  ) {
    var rest = frames
    while rest > 0, loadFront(view) {
      let here = front.remaining / frameBytes
      let count = rest < here ? rest : here
      if let source = unsafe source {
        // SAFETY: source holds `frames` frames, of which frames - rest are written.
        unsafe front.write(source + Int(frames &- rest) &* Int(frameBytes), count &* frameBytes, view)
      } else {
        front.advance(count &* frameBytes, view)
      }
      rest &-= count
      if front.remaining == 0 {
        let end = before &+ (frames &- rest)
        finishFront(latency: latency(delay, isCapture ? end : all &- end), view)
      }
    }
  }

  /// What a delay has become: playback comes nearer to the ear, what was recorded grows older.
  @_noAllocation @_noLocks
  private func aged(_ delay: Int64, _ age: Int64) -> Int64 {
    // Nobody's timing is a second old; what says so is wrong.
    guard delay >= 0, delay < 1 << 24, age > -1_000_000_000, age < 1_000_000_000 else { return delay }
    let frames = age &* Int64(rate) / 1_000_000_000
    return isCapture ? delay &+ frames : delay &- frames
  }

  /// The bytes between a chain's end and the ear or mouth (VS-120), when `frames` of the commit lie beyond it.
  @_noAllocation @_noLocks
  private func latency(_ delay: Int64, _ frames: UInt32) -> UInt32 {
    // An absurd delay is none: never a wild number.
    guard delay > Int64(frames), delay < 1 << 24 else { return 0 }
    let bytes = UInt64(delay &- Int64(frames)) &* UInt64(frameBytes)
    return bytes < 0xFFFF_FFFF ? UInt32(bytes) : 0
  }
}
