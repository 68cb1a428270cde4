// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

/// What is remembered of a file between two openings of its stream, for as long as the daemon runs.
final class Track {
  let path: Path
  var inUse = true
  /// Of NAME.2.wav; 0 before the first opening.
  var number = 0
  var shape: WAVShape?
  /// Bytes of sound in the current file, whole frames.
  var sound = 0
  /// Writing failed, and the log said so.
  var isBroken = false

  init(_ path: Path) { self.path = path }
}

/// The file that a stream writes to.
///
/// Control threads open and close it; the audio context writes and goes on to the next file.
@safe
struct Output: ~Copyable {
  private let header: WAVHeader
  private let names: Names
  private let parts: UnsafeMutablePointer<iovec>
  private let frameBytes: Int
  /// The most bytes of sound in one file, whole frames.
  private let limit: Int
  private var descriptor: Int32 = -1
  /// As in ``Track``.
  private var number: Int
  private var sound: Int
  /// Set by ``touch(_:_:)``; keeps its reads from being optimised away.
  private var touched: UInt8 = 0

  init(_ track: Track, _ params: Parameters, split: Int, _ host: Host) throws(BackendError) {
    let shape = WAVShape(params)
    let header = track.path.isWAV ? WAVHeader(shape) : WAVHeader()
    let most = track.path.isWAV ? min(split, header.limit) : header.limit
    limit = max(most - most % params.frameBytes, params.frameBytes)
    self.header = header
    names = Names(track.path)
    frameBytes = params.frameBytes
    number = track.number
    sound = track.sound
    unsafe parts = .allocate(capacity: Feed.capacity + 1)
    unsafe parts.initialize(repeating: iovec(), count: Feed.capacity + 1)
    try Disk.refuse(Disk.kind(track.path), track.path)
    let code = track.path.isWAV ? openWAV(goesOn: track.shape == shape) : openRaw()
    guard code == 0 else { throw failure(code) }
    track.shape = shape
    save(to: track)
    try checkSpace(track, params, host)
  }

  deinit {
    if descriptor >= 0 { _ = close(descriptor) }
    unsafe parts.deallocate()
  }

  /// The name of the current file.
  var name: Text { names.text }

  /// Remembers where the next opening goes on.
  func save(to track: Track) {
    track.number = number
    track.sound = sound
  }

  private func failure(_ code: Int32) -> BackendError {
    BackendError(Disk.reason(code), errno: code, "cannot write to \(name)")
  }

  /// After a failure: is there room again? Reserves it, where the file system can.
  private func checkSpace(_ track: Track, _ params: Parameters, _ host: Host) throws(BackendError) {
    guard track.isBroken else { return }
    let keepSize: Int32 = 1
    let wanted = Int(max(params.periodFrames, 1)) * frameBytes
    if fallocate(descriptor, keepSize, offset, wanted) != 0 {
      let code = systemError()
      guard code != ENOSPC, code != EDQUOT else { throw failure(code) }
    }
    track.isBroken = false
    host.log(VSND_LOG_INFO, "writing to \(name) goes on")
  }

  /// Appends to the file of this run, or starts it.
  private mutating func openRaw() -> Int32 {
    let code = unsafe open(names.current, O_CREAT | (number == 0 ? O_TRUNC : 0))
    guard code == 0 else { return code }
    let facts = Disk.kind(of: descriptor)
    if facts.kind == .regular { sound = min(sound, facts.size) }
    number = 1
    return 0
  }

  /// Goes on in the file of this run if it is there and has the same shape, else starts the next.
  private mutating func openWAV(goesOn: Bool) -> Int32 {
    if goesOn {
      names.set(number)
      if unsafe open(names.current, 0) == 0, Disk.kind(of: descriptor).size >= offset { return 0 }
      // Someone took it away: it starts again, under the same name.
      number -= 1
    }
    return rollOver()
  }

  /// Starts the next WAV file and returns 0 or an errno.
  ///
  /// A reader never sees a WAV file without its header: a new one gets its name with it, and an old one
  /// of that name is cut after it.
  @_noAllocation @_noLocks
  mutating func rollOver() -> Int32 {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
    names.set(number &+ 1)
    sound = 0
    header.setSound(0)
    var code = unsafe open(names.current, 0)
    if code == 0 {
      code = writeHeader()
      if code == 0, ftruncate(descriptor, header.count) != 0 { code = systemError() }
    } else if code == ENOENT {
      code = unsafe open(names.fresh, O_CREAT | O_TRUNC)
      if code == 0 { code = writeHeader() }
      if code == 0, unsafe rename(names.fresh, names.current) != 0 { code = systemError() }
    }
    if code == 0 { number &+= 1 }
    return code
  }

  @_noAllocation @_noLocks
  private mutating func open(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 {
    let all = flags | O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    descriptor = unsafe vsnd_open(path, all, 0o666)
    return descriptor >= 0 ? 0 : systemError()
  }

  /// Where the next frame goes.
  private var offset: Int {
    @_noAllocation @_noLocks
    get { header.count &+ sound }
  }

  /// How many of `frames` still fit into the current file.
  @_noAllocation @_noLocks
  func room(_ frames: Int) -> Int { min(frames, (limit &- sound) / frameBytes) }

  /// Writes a loan and returns how many frames are in the file, and 0 or an errno.
  @_noAllocation @_noLocks
  mutating func write(_ feed: borrowing Feed, spans: Int) -> (frames: Int, code: Int32) {
    var total = 0
    for index in 0..<spans { unsafe total &+= feed.span(index).frames }
    var done = 0
    var code: Int32 = 0
    while done < total, code == 0 {
      let count = gather(feed, spans, from: done)
      var result = 0
      repeat { result = unsafe pwritev(descriptor, parts, count, offset) } while interrupted(result)
      if result < 0 {
        code = systemError()
        if code == EFAULT, touch(feed, spans) { code = 0 }
        continue
      }
      let frames = min(result / frameBytes, total &- done)
      if frames == 0 { code = reasonForStop(at: offset &+ result) }
      done &+= frames
      sound &+= frames &* frameBytes
    }
    if done > 0, header.count > 0 {
      header.setSound(sound)
      let late = writeHeader()
      if code == 0 { code = late }
    }
    touched = 0
    return (done, code)
  }

  /// The errno behind a write that stopped before a whole frame: the next byte gets it.
  @_noAllocation @_noLocks
  private func reasonForStop(at end: Int) -> Int32 {
    unsafe pwrite(descriptor, names.zero, 1, end) < 0 ? systemError() : ENOSPC
  }

  /// Lists what is left of a loan after `skip` frames, and the pad byte that an odd end needs.
  @_noAllocation @_noLocks
  private func gather(_ feed: borrowing Feed, _ spans: Int, from skip: Int) -> Int32 {
    var count = 0
    var skip = skip
    var bytes = sound
    for index in 0..<spans {
      let span = unsafe feed.span(index)
      let start = min(skip, unsafe span.frames)
      skip &-= start
      let size = unsafe (span.frames &- start) &* frameBytes
      guard size > 0 else { continue }
      // SAFETY: at most Feed.capacity parts, and one more below.
      unsafe parts[count] = iovec(iov_base: span.data + start &* frameBytes, iov_len: size)
      bytes &+= size
      count &+= 1
    }
    if header.count > 0, bytes & 1 != 0 {
      unsafe parts[count] = iovec(iov_base: names.zero, iov_len: 1)
      count &+= 1
    }
    return Int32(truncatingIfNeeded: count)
  }

  /// Reads a byte of each page of a loan, which makes the daemon replace pages that a VMM took away.
  ///
  /// The kernel only says EFAULT for them.
  ///
  /// - Returns: whether another try is worth it: once for each loan.
  @_noAllocation @_noLocks
  private mutating func touch(_ feed: borrowing Feed, _ spans: Int) -> Bool {
    guard touched == 0 else { return false }
    var sum: UInt8 = 0
    for index in 0..<spans {
      let span = unsafe feed.span(index)
      let size = unsafe span.frames &* frameBytes
      var at = 0
      while at < size {
        unsafe sum |= span.data.load(fromByteOffset: at, as: UInt8.self)
        unsafe at &+= 4096 &- (Int(bitPattern: span.data) &+ at) & 4095
      }
    }
    touched = sum | 1
    return true
  }

  @_noAllocation @_noLocks
  private func writeHeader() -> Int32 {
    var result = 0
    repeat { result = unsafe pwrite(descriptor, header.base, header.count, 0) } while interrupted(result)
    return result == header.count ? 0 : result < 0 ? systemError() : ENOSPC
  }
}
