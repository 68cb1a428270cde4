// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Logging
import Platform
import PluginABI
import Sound
import Synchronization

/// One stream of the card on the host: opens, starts and closes it there, and keeps it going when the host fails.
///
/// Calls come from the control thread and never wait. Plugin calls run on the opener, in order; the
/// answers are given there.
@safe
package final class HostStream: @unchecked Sendable {
  package typealias Answer = @Sendable (BackendError?) -> Void

  private let host: BackendHost
  private let opener: Opener
  private let feed: UnsafeMutablePointer<Feed>
  private let log: Logger
  /// Counts prepare and release: a job that finds another number was overtaken.
  private let opening = Atomic<UInt64>(0)
  /// Counts start and stop, likewise.
  private let flow = Atomic<UInt64>(0)

  // The opener's own.
  private var parameters: OpenParameters?
  private var stream: PluginStream?
  private var worker: StreamWorker?
  private var isStarted = false
  private var reported: [UInt32] = []

  init(
    _ host: BackendHost, opener: Opener, feed: UnsafeMutablePointer<Feed>, log: Logger
  ) {
    self.host = host
    self.opener = opener
    unsafe self.feed = feed
    self.log = log
    unsafe feed.pointee.failureSignal.store(host.clock.signal.raw, ordering: .relaxed)
  }

  /// Whether the backend may be lent guest memory of capture streams.
  package var lendsGuestMemory: Bool { host.instance.plugin.capabilities.contains(.nonblocking) }

  // MARK: Control thread

  /// Opens the device.
  package func prepare(_ parameters: OpenParameters, answer: @escaping Answer) {
    let number = opening.add(1, ordering: .relaxed).newValue
    opener.run { [self] in answer(open(parameters, number)) }
  }

  /// Lets audio flow.
  ///
  /// An error is answered only while the device cannot even be asked to start.
  package func start(answer: @escaping Answer) {
    let number = flow.add(1, ordering: .relaxed).newValue
    guard let known = wanted.withLock({ $0 }) else {
      return answer(BackendError(code: VSND_E_INVALID, text: "the stream is not prepared"))
    }
    let watched = unsafe WatchedStream(
      owner: self, feed: feed, known, log: log, now: host.now
    ) { [weak self] watched in self?.reopen(watched, number) }
    host.clock.watch(watched)
    opener.run { [self] in answer(start(watched, number)) }
  }

  /// Pauses; what was committed is kept or plays out.
  package func stop() { endFlow(.hold) }

  /// Closes the device, or gives up an opening that still waits.
  package func release(_ mode: StopMode) {
    opening.add(1, ordering: .relaxed)
    endFlow(mode)
    opener.run { [self] in close() }
  }

  private func endFlow(_ mode: StopMode) {
    flow.add(1, ordering: .relaxed)
    host.clock.forget(self)
    opener.run { [self] in halt(mode) }
  }

  /// What the stream was last prepared with, for the control thread.
  private let wanted = Mutex<OpenParameters?>(nil)

  // MARK: Opener

  private func open(_ parameters: OpenParameters, _ number: UInt64) -> BackendError? {
    // Whoever gave the opening up has said so to the guest.
    guard opening.load(ordering: .acquiring) == number else { return nil }
    close()
    do throws(BackendError) {
      let opened = try unsafe host.instance.open(parameters, feed: feed)
      guard opening.load(ordering: .acquiring) == number else {
        opened.close()
        return nil
      }
      stream = opened
      self.parameters = parameters
      wanted.withLock { $0 = parameters }
      report(opened, parameters)
      return nil
    } catch { return error }
  }

  /// Says once, for each pair, that the host does not use the guest's periods.
  private func report(_ opened: PluginStream, _ asked: OpenParameters) {
    log.debug("open: \(asked.format.name), \(asked.rate.hertz) Hz, \(asked.channels) channels")
    let used = [opened.periodFrames, opened.bufferFrames]
    let wished = [asked.periodFrames, asked.bufferFrames]
    guard used != wished, used + wished != reported else { return }
    reported = used + wished
    log.notice(
      "the guest uses periods of \(wished[0]) frames and a buffer of \(wished[1]), the host \(used[0]) and \(used[1])"
    )
  }

  private func start(_ watched: WatchedStream, _ number: UInt64) -> BackendError? {
    guard flow.load(ordering: .acquiring) == number else { return nil }
    guard stream != nil else {
      // The device was lost before: the guest starts without it.
      host.clock.reopenLater(watched)
      return nil
    }
    return begin(watched)
  }

  /// Starts the open device and hands the feed to it.
  private func begin(_ watched: WatchedStream) -> BackendError? {
    guard let stream, let parameters else { return nil }
    // Its audio context may come from the first line of start() on.
    guard host.clock.hand(watched, hostFrames: max(stream.periodFrames, 1)) else { return nil }
    do throws(BackendError) { try stream.start() } catch { return error }
    isStarted = true
    guard stream.needsProcess else { return nil }
    do {
      worker = try unsafe StreamWorker(stream, parameters, feed: feed)
      return nil
    } catch { return BackendError(code: VSND_E_NOMEM, text: "cannot start an audio thread: \(error)") }
  }

  private func halt(_ mode: StopMode) {
    worker?.end()
    worker = nil
    if isStarted || mode != .hold { stream?.stop(mode) }
    isStarted = false
  }

  private func close() {
    guard let stream else { return }
    if isStarted { halt(.discard) }
    stream.close()
    self.stream = nil
  }

  // MARK: After a failure

  /// Clock thread: asks for the device to be opened anew.
  private func reopen(_ watched: WatchedStream, _ number: UInt64) {
    opener.run { [self] in
      guard flow.load(ordering: .acquiring) == number, let parameters else { return }
      halt(.discard)
      close()
      do throws(BackendError) {
        stream = try unsafe host.instance.open(parameters, feed: feed)
      } catch {
        log.debug("cannot reopen: \(error)")
        return host.clock.reopenLater(watched)
      }
      guard flow.load(ordering: .acquiring) == number else { return }
      if let error = begin(watched) {
        log.debug("cannot restart: \(error)")
        host.clock.reopenLater(watched)
      }
    }
  }
}
