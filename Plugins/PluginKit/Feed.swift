// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

public import PluginABI

/// The daemon's side of one stream: lends spans of whole frames.
///
/// For the audio context of its stream only, from start() to stop().
@safe
public struct Feed: ~Copyable {
  private let handle: OpaquePointer
  private let host: Host
  private let table: UnsafePointer<vsnd_host_t>
  private let spans: UnsafeMutablePointer<vsnd_span_t>
  private let silence: Silence
  /// Bytes of a frame.
  public let frameBytes: Int

  /// The most spans that a loan has.
  public static var capacity: Int { 64 }

  @unsafe
  init(handle: OpaquePointer, host: Host, format: SampleFormat, frameBytes: Int) {
    unsafe self.handle = handle
    self.host = host
    unsafe table = UnsafePointer(host.table)
    unsafe spans = .allocate(capacity: Self.capacity)
    unsafe spans.initialize(repeating: vsnd_span_t(), count: Self.capacity)
    silence = Silence(format)
    self.frameBytes = frameBytes
  }

  deinit { unsafe spans.deallocate() }

  /// Takes a loan of up to `frames` frames and returns how many spans it has; see ``span(_:)``.
  @_noAllocation @_noLocks
  public func acquire(_ frames: Int) -> Int {
    let wanted = UInt32(clamping: frames)
    return unsafe min(Int(vsnd_acquire(table, handle, wanted, spans, UInt32(Self.capacity))), Self.capacity)
  }

  /// The span `index` of the loan; read it on playback, fill it on capture.
  @_noAllocation @_noLocks @unsafe
  public func span(_ index: Int) -> (data: UnsafeMutableRawPointer, frames: Int) {
    // SAFETY: index is below what acquire returned, and the daemon lends no nil.
    let span = unsafe spans[index]
    return unsafe (span.data.unsafelyUnwrapped, Int(span.frames))
  }

  /// Ends the loan: `frames` of it were used; when they are heard, or were said, is not known.
  @_noAllocation @_noLocks
  public func commit(_ frames: Int) {
    unsafe vsnd_commit(table, handle, UInt32(clamping: frames), nil)
  }

  /// Ends the loan and tells the time.
  ///
  /// - Parameters:
  ///   - delay: frames from the end of this commit to the ear, or from the mouth to its start.
  ///   - when: CLOCK_MONOTONIC in nanoseconds when `delay` was true; 0 for now.
  @_noAllocation @_noLocks
  public func commit(_ frames: Int, delay: Int64, when: UInt64 = 0) {
    var timing = vsnd_timing_t(
      size: UInt32(MemoryLayout<vsnd_timing_t>.size), reserved: 0, when_ns: when, delay_frames: delay)
    unsafe vsnd_commit(table, handle, UInt32(clamping: frames), &timing)
  }

  /// Reports that `frames` frames were not played or not recorded.
  @_noAllocation @_noLocks
  public func xrun(_ frames: Int) { unsafe vsnd_xrun(table, handle, UInt32(clamping: frames)) }

  /// Reports that the stream cannot go on; `code` is one of VSND_E_*.
  @_noAllocation @_noLocks
  public func failed(_ code: Int32) { unsafe vsnd_failed(table, handle, code) }

  /// Silences `frames` frames at `target`.
  @_noAllocation @_noLocks @unsafe
  public func silence(_ target: UnsafeMutableRawPointer, frames: Int) {
    unsafe silence.fill(target, bytes: frames &* frameBytes)
  }
}
