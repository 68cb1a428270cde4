// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI

/// How audio ends.
package enum StopMode: UInt32, Sendable {
  /// A pause: start may follow.
  case hold = 0
  /// The end: what was committed still plays.
  case drain = 1
  /// A reset: silence at once.
  case discard = 2
}

/// One open stream of a backend; its control calls may wait and come one at a time.
@safe
package final class PluginStream: @unchecked Sendable {
  /// Readable when process() wants to be called; nil: the daemon's clock says when.
  ///
  /// The backend owns it.
  package let wake: Int32?
  /// What the device really uses, in frames.
  package let periodFrames: UInt32
  package let bufferFrames: UInt32
  /// A first estimate in frames; nil when unknown.
  package let delayFrames: Int64?
  /// Whether the daemon has to call process(due:now:).
  package let needsProcess: Bool

  /// VSND_DELAY_UNKNOWN, which Swift does not see.
  static let unknownDelay = Int64.min

  private let handle: OpaquePointer
  private let calls: PluginCalls

  @unsafe
  init(_ handle: OpaquePointer, of plugin: Plugin, info: vsnd_stream_info_t) {
    unsafe self.handle = handle
    calls = plugin.calls
    wake = info.wake_fd >= 0 ? info.wake_fd : nil
    periodFrames = max(1, info.period_frames)
    bufferFrames = max(1, info.buffer_frames)
    delayFrames = info.delay_frames == Self.unknownDelay ? nil : info.delay_frames
    needsProcess = !plugin.capabilities.contains(.ownThread)
  }

  /// Lets audio flow.
  package func start() throws(BackendError) {
    try unsafe Instance.check { error in unsafe calls.start(handle, error) }
  }

  /// Ends the flow of audio; a barrier (R5).
  package func stop(_ mode: StopMode) { unsafe calls.stop(handle, mode.rawValue) }

  /// Closes the device; a barrier (R5) that no call may follow.
  package func close() { unsafe calls.close(handle) }

  /// Audio context: one step.
  ///
  /// - Parameters:
  ///   - due: frames that the daemon's clock has earned, 0 when wake was the reason.
  ///   - now: CLOCK_MONOTONIC in ns.
  package func process(due: UInt32, now: UInt64) {
    var tick = vsnd_tick_t(size: UInt32(MemoryLayout<vsnd_tick_t>.size), due_frames: due, now_ns: now)
    unsafe calls.process?(handle, &tick)
  }
}
