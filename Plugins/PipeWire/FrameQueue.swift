// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Frames between the guest and a host whose quantum is larger than the guest's buffer.
///
/// For one audio context; nothing is allocated after the start.
@safe
struct FrameQueue: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  let frameBytes: Int
  /// Frames that it can hold.
  let capacity: Int
  private var head = 0
  private(set) var count = 0

  init(capacity: Int, frameBytes: Int) {
    self.capacity = capacity
    self.frameBytes = frameBytes
    unsafe memory = .allocate(byteCount: capacity * frameBytes, alignment: 16)
  }

  deinit { unsafe memory.deallocate() }

  var room: Int {
    @_noAllocation @_noLocks get { capacity &- count }
  }

  /// Where the next frames go, and how many fit there in one piece.
  @_noAllocation @_noLocks @unsafe
  func tail() -> (memory: UnsafeMutableRawPointer, frames: Int) {
    var at = head &+ count
    if at >= capacity { at &-= capacity }
    return unsafe (memory + at &* frameBytes, min(room, capacity &- at))
  }

  /// `frames` frames were written at the tail.
  @_noAllocation @_noLocks
  mutating func grew(_ frames: Int) { count &+= frames }

  /// The oldest frames that lie in one piece.
  @_noAllocation @_noLocks @unsafe
  func front() -> (memory: UnsafeMutableRawPointer, frames: Int) {
    unsafe (memory + head &* frameBytes, min(count, capacity &- head))
  }

  /// The oldest `frames` frames are not needed any more.
  @_noAllocation @_noLocks
  mutating func shrank(_ frames: Int) {
    count &-= frames
    head &+= frames
    if head >= capacity { head &-= capacity }
  }

  @_noAllocation @_noLocks
  mutating func clear() {
    head = 0
    count = 0
  }

  /// Moves up to `frames` of the oldest frames to `target`, and returns how many.
  @_noAllocation @_noLocks @unsafe
  mutating func pop(_ target: UnsafeMutableRawPointer, _ frames: Int) -> Int {
    var done = 0
    while done < frames, count > 0 {
      let piece = unsafe front()
      let run = min(unsafe piece.frames, frames &- done)
      let at = unsafe target + done &* frameBytes
      unsafe at.copyMemory(from: piece.memory, byteCount: run &* frameBytes)
      shrank(run)
      done &+= run
    }
    return done
  }

  /// Appends up to `frames` frames, and returns how many had room.
  @_noAllocation @_noLocks @unsafe
  mutating func push(_ source: UnsafeRawPointer, _ frames: Int) -> Int {
    var done = 0
    while done < frames, room > 0 {
      let piece = unsafe tail()
      let run = min(unsafe piece.frames, frames &- done)
      unsafe piece.memory.copyMemory(from: source + done &* frameBytes, byteCount: run &* frameBytes)
      grew(run)
      done &+= run
    }
    return done
  }
}
