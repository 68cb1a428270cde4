// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit
import Synchronization

/// A stream with a thread of its own from start() to stop().
///
/// A call of libasound may never return. The control calls wait for the thread with a limit; then it is left to
/// itself with the PCM, and frees both if it ever comes back.
@safe
final class ALSAStream: Stream {
  private let name: Text
  private let log: Host
  private let shape: Shape
  private let audio: UnsafeMutablePointer<Audio>
  private let wake: Int32
  private var thread: Thread?
  private var isLeft = false

  /// Nanoseconds that a control call waits for the thread, beyond what the device still has to play.
  private static var patience: UInt64 { 1_000_000_000 }

  init(_ name: Text, _ pcm: consuming PCM, _ shape: Shape, _ feed: consuming Feed, _ host: Host) {
    var pcm = pcm
    self.name = name
    self.shape = shape
    log = host
    wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    unsafe audio = .allocate(capacity: 1)
    unsafe audio.initialize(to: Audio(pcm.release(), shape, feed, wake: wake))
    super.init()
    info.periodFrames = UInt32(clamping: shape.chunk)
    info.bufferFrames = UInt32(clamping: shape.buffer)
    if !shape.isCapture { info.delayFrames = Int64(shape.target) }
  }

  override func start() throws(BackendError) {
    guard join() else {
      throw BackendError(VSND_E_TIMEOUT, "a call of libasound for \(name) does not return")
    }
    unsafe audio.pointee.command.store(0, ordering: .releasing)
    unsafe audio.pointee.failure = 0
    unsafe audio.pointee.gate.open()
    unsafe audio.pointee.owners.add(1, ordering: .relaxed)
    do throws(BackendError) {
      thread = try unsafe Thread("vsnd-alsa", wake: wake, argument: audio) { argument in
        guard let argument = unsafe argument else { return nil }
        let audio = unsafe argument.assumingMemoryBound(to: Audio.self)
        Thread.beRealTime()
        unsafe audio.pointee.shape.isCapture ? audio.pointee.record() : audio.pointee.play()
        unsafe release(audio)
        return nil
      }
    } catch let failure {
      unsafe audio.pointee.owners.subtract(1, ordering: .relaxed)
      throw failure
    }
  }

  /// Keeps the thread from the feed; it still plays to the end what it has, unless that is discarded.
  override func stop(_ how: StopMode) {
    guard !isLeft else { return }
    unsafe audio.pointee.command.store(how.rawValue + 1, ordering: .releasing)
    _ = eventfd_write(wake, 1)
    unsafe audio.pointee.gate.close()
  }

  override func close() {
    guard join() else { return }
    report()
    // Closing may hang as well.
    let signal = eventfd(0, Int32(EFD_CLOEXEC))
    let closer = try? unsafe Thread("vsnd-alsa-close", wake: signal, argument: audio) { argument in
      if let argument = unsafe argument { unsafe release(argument.assumingMemoryBound(to: Audio.self)) }
      return nil
    }
    if let closer {
      if closer.join(until: monotonicNanoseconds() + Self.patience) {
        _ = CLibc.close(signal)
      } else {
        sayLeft()
      }
    } else {
      unsafe release(audio)
      _ = CLibc.close(signal)
    }
  }

  /// Waits for the end of the thread, if there is one.
  ///
  /// - Returns: false when it hangs; this stream is then of no use any more.
  private func join() -> Bool {
    guard !isLeft else { return false }
    guard let thread = thread.take() else { return true }
    let rest = UInt64(shape.buffer + 2 * shape.period) * 1_000_000_000 / shape.rate
    guard thread.join(until: monotonicNanoseconds() + rest + Self.patience) else {
      isLeft = true
      unsafe release(audio)
      sayLeft()
      return false
    }
    return true
  }

  private func sayLeft() {
    log.log(VSND_LOG_WARNING, "a call of libasound for \(name) does not return; it is left behind")
  }

  /// Tells the log what only the thread knew.
  private func report() {
    let code = unsafe audio.pointee.failure
    if code < 0 {
      log.log(VSND_LOG_ERROR, unsafe "\(name) failed: \(cString: snd_strerror(code))")
    }
    let times = unsafe audio.pointee.recoveries
    if times > 0 { log.log(VSND_LOG_INFO, "\(name) was set going again \(times) times after it had stopped") }
  }
}

/// Lets go of the PCM and what belongs to it; the last owner frees it.
private func release(_ audio: UnsafeMutablePointer<Audio>) {
  guard unsafe audio.pointee.owners.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
    return
  }
  unsafe audio.deinitialize(count: 1)
  unsafe audio.deallocate()
}
