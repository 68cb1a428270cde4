// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

/// A file that a guest records.
@safe
struct Source: ~Copyable {
  let path: Path
  private let descriptor: Descriptor
  private let frameBytes: Int
  private let loops: Bool
  private let start: Int
  /// Bytes of sound, whole frames; a device such as /dev/zero has no end.
  private var count: Int
  private var position = 0

  private init(
    _ path: Path, _ descriptor: consuming Descriptor, start: Int, count: Int, frameBytes: Int, loops: Bool
  ) {
    self.path = path
    self.descriptor = descriptor
    self.start = start
    self.count = count
    self.frameBytes = frameBytes
    self.loops = loops
  }

  /// Opens a file whose shape is that of the stream.
  static func opened(_ path: Path, _ params: Parameters, loops: Bool) throws(BackendError) -> Source {
    let descriptor = try Disk.openForReading(path)
    let facts = Disk.kind(of: descriptor.raw)
    var start = 0
    var count = facts.kind == .regular ? facts.size : .max
    if path.isWAV {
      let file = try WAVFile(descriptor.raw, path)
      let wanted = WAVShape(format: params.format, rate: params.rate, channels: params.channels)
      guard file.shape == wanted else {
        throw BackendError(
          VSND_E_UNSUPPORTED, "\(path.text) has \(file.shape.text); the guest asks for \(wanted.text)")
      }
      start = file.start
      count = file.count
    }
    if count != .max { count -= count % params.frameBytes }
    guard count > 0 else { throw BackendError(VSND_E_IO, "\(path.text) has no sound") }
    return Source(
      path, descriptor, start: start, count: count, frameBytes: params.frameBytes, loops: loops)
  }

  /// Reads up to `bytes` bytes, whole frames, and returns how many, and 0 or an errno; fewer are the end.
  @_noAllocation @_noLocks @unsafe
  mutating func read(_ target: UnsafeMutableRawPointer, bytes: Int) -> (bytes: Int, code: Int32) {
    var done = 0
    while done < bytes {
      if position == count {
        guard loops, count > 0 else { break }
        position = 0
      }
      let wanted = min(bytes &- done, count &- position)
      var got = 0
      repeat {
        // SAFETY: done + wanted stays within `bytes`.
        got = unsafe pread(descriptor.raw, target + done, wanted, start &+ position)
      } while interrupted(got)
      guard got >= 0 else { return (done &- done % frameBytes, systemError()) }
      if got == 0 {
        // Someone shortened the file: it ends here, after its last whole frame.
        let torn = position % frameBytes
        done &-= torn
        position &-= torn
        count = position
      }
      done &+= got
      position &+= got
    }
    return (done, 0)
  }
}

/// Capture from a file.
final class RecordStream: Stream {
  private var source: Source
  private let pace: Pace
  private let feed: Feed
  private let log: Host
  private var broken: Int32 = 0

  init(_ source: consuming Source, _ pace: Pace, _ feed: consuming Feed, _ host: Host) {
    self.source = source
    self.pace = pace
    self.feed = feed
    log = host
    super.init()
    info = pace.info
  }

  @_noAllocation @_noLocks
  override func process(_ tick: Tick) {
    var due = pace.due(tick)
    while due > 0, broken == 0 {
      let count = feed.acquire(due)
      guard count > 0 else { return pace.late(due, feed) }
      var frames = 0
      for index in 0..<count where broken == 0 { frames &+= fill(index) }
      feed.commit(frames, delay: 0)
      due &-= frames
      if broken != 0 { feed.failed(VSND_E_IO) }
    }
  }

  /// Fills one span and returns how many frames of it are good.
  @_noAllocation @_noLocks
  private func fill(_ index: Int) -> Int {
    let part = unsafe feed.span(index)
    let bytes = unsafe part.frames &* feed.frameBytes
    let (got, code) = unsafe source.read(part.data, bytes: bytes)
    guard code == 0 else {
      broken = code
      return got / feed.frameBytes
    }
    unsafe feed.silence(part.data + got, frames: part.frames &- got / feed.frameBytes)
    return unsafe part.frames
  }

  override func stop(_ how: StopMode) {
    guard broken != 0 else { return }
    log.log(VSND_LOG_ERROR, "cannot read \(source.path.text): \(errno: broken)")
  }

  override func close() { pace.end() }
}
