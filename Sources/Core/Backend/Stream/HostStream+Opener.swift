// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Logging
private import Platform
private import PluginABI
private import Sound
private import Synchronization

/// What the opener's thread does: each of these may hang in the backend.
extension HostStream {
  /// prepare(): opens the device, unless that was given up.
  func open(_ parameters: OpenParameters, _ generation: UInt64, _ answer: Answer) {
    guard isCurrent(generation) else { return }
    let isLost = state.withLock { $0.isLost }
    if let device, device.parameters == parameters, !isLost { return answer(nil) }
    close(.discard)
    do throws(BackendError) {
      let opened = try openDevice(parameters)
      guard isCurrent(generation) else { return opened.stream.close() }
      device = opened
      state.withLock { $0.isLost = false }
      describe(opened)
      answer(nil)
    } catch {
      if isCurrent(generation) { answer(error) }
    }
  }

  /// start(): starts the device, or lets the clock go on while it is opened again.
  func begin(_ epoch: UInt64) {
    guard let device, !state.withLock({ $0.isLost }) else { return beginWithoutHost(epoch) }
    let isWanted = state.withLock { state in
      guard state.epoch == epoch else { return false }
      attach(&state, device)
      return true
    }
    guard isWanted else { return }
    // The watch begins now: start() may hang.
    wakeWatcher()
    do throws(BackendError) {
      try start(device)
      state.withLock { state in
        if state.epoch == epoch { state.isPaced = device.isPaced }
      }
      take(epoch)?(nil)
    } catch {
      startFailed(epoch, error)
    }
    wakeWatcher()
  }

  /// stop(): pauses the device.
  func pause() {
    guard let device else { return }
    halt(device, .hold)
  }

  /// Closes the device, if there is one.
  func close(_ mode: StopMode) {
    guard let closing = device.take() else { return }
    if closing.wasStarted { halt(closing, mode) }
    closing.stream.close()
  }

  /// Tries to open a device that failed, and to start it.
  func reopen(_ epoch: UInt64) {
    defer {
      state.withLock { $0.isReopening = false }
      wakeWatcher()
    }
    guard let parameters = state.withLock({ $0.epoch == epoch ? $0.parameters : nil }) else { return }
    close(.discard)
    do throws(BackendError) {
      let opened = try openDevice(parameters)
      guard state.withLock({ $0.epoch == epoch }) else { return opened.stream.close() }
      device = opened
      try start(opened)
      reopened(epoch, opened)
    } catch {
      close(.discard)
      reopenFailed(epoch, error)
    }
  }

  // MARK: Steps

  private func isCurrent(_ generation: UInt64) -> Bool {
    state.withLock { $0.generation == generation }
  }

  private func openDevice(_ parameters: OpenParameters) throws(BackendError) -> OpenDevice {
    unsafe feed.pointee.failure.store(0, ordering: .relaxed)
    return OpenDevice(try unsafe instance.open(parameters, feed: feed), parameters)
  }

  private func start(_ device: OpenDevice) throws(BackendError) {
    try device.stream.start()
    device.isStarted = true
    device.wasStarted = true
    guard device.stream.needsProcess else { return }
    do throws(SystemCallError) {
      device.worker = try unsafe StreamWorker(
        device.stream, device.parameters, feed: feed, mark: stepMark)
    } catch {
      throw BackendError(code: VSND_E_NOMEM, text: "no thread for its audio: \(error)", osError: error.code)
    }
  }

  private func halt(_ device: OpenDevice, _ mode: StopMode) {
    device.worker.take()?.end()
    if device.isStarted || mode != .hold { device.stream.stop(mode) }
    device.isStarted = false
  }

  /// Opens the feed to the backend, under watch: the first loan may be taken in start().
  private func attach(_ state: inout State, _ device: OpenDevice) {
    let asked = unsafe feed.pointee.asked.load(ordering: .relaxed)
    state.watch = HostWatch(
      shape(of: device.parameters, hostPeriod: device.stream.periodFrames), at: MonotonicClock.now,
      asked: asked)
    unsafe feed.pointee.give(to: .backend)
  }

  private func shape(of parameters: OpenParameters, hostPeriod: UInt32) -> HostWatch.Shape {
    HostWatch.Shape(
      period: parameters.periodFrames, buffer: parameters.bufferFrames, rate: parameters.rate.hertz,
      hostPeriod: hostPeriod)
  }

  /// The device failed while the stream was paused: the guest runs on the clock, and the device is tried at once.
  private func beginWithoutHost(_ epoch: UInt64) {
    let now = MonotonicClock.now
    state.withLock { state in
      guard state.epoch == epoch, let parameters = state.parameters else { return }
      var watch = HostWatch(
        shape(of: parameters, hostPeriod: parameters.periodFrames), at: now, asked: 0)
      watch.fail(at: now)
      state.watch = watch
      state.isLost = true
      state.isAway = true
      state.reopenAt = now
      unsafe feed.pointee.give(to: .clock)
    }
    take(epoch)?(nil)
    wakeWatcher()
  }

  /// start() failed: the guest is told, or, if it was told before that it runs, the clock goes on.
  private func startFailed(_ epoch: UInt64, _ error: BackendError) {
    guard let answer = take(epoch) else { return lose(epoch, error) }
    state.withLock { state in
      guard state.epoch == epoch else { return }
      state.wish = .open
      state.watch = nil
      unsafe feed.pointee.give(to: .nobody)
    }
    answer(error)
  }

  private func lose(_ epoch: UInt64, _ error: BackendError) {
    let isWanted = state.withLock { state in
      guard state.epoch == epoch else { return false }
      lose(&state, error.text, at: MonotonicClock.now)
      return true
    }
    if isWanted { close(.discard) }
  }

  /// Takes the answer that the start `epoch` still owes; nil when it was given, or is not wanted any more.
  private func take(_ epoch: UInt64) -> Answer? {
    state.withLock { state in
      guard state.epoch == epoch else { return nil }
      return state.start.take()?.answer
    }
  }

  private func reopened(_ epoch: UInt64, _ device: OpenDevice) {
    let asked = unsafe feed.pointee.asked.load(ordering: .relaxed)
    state.withLock { state in
      guard state.epoch == epoch else { return }
      state.isLost = false
      state.isPaced = device.isPaced
      state.watch?.reopen(at: MonotonicClock.now, asked: asked)
    }
  }

  private func reopenFailed(_ epoch: UInt64, _ error: BackendError) {
    log.debug("\(name): the host is still gone: \(error)")
    state.withLock { state in
      guard state.epoch == epoch else { return }
      let pause = state.isRestored ? 0 : state.backoff.next()
      state.isRestored = false
      state.reopenAt = MonotonicClock.now + pause
    }
  }

  /// Says once what was asked for and what the device uses; guests prepare often.
  private func describe(_ device: OpenDevice) {
    let (asked, got) = (device.parameters, device.stream)
    let text = """
      \(name): \(asked.format.name) at \(asked.rate.hertz) Hz, \(asked.channels) channels; the guest uses \
      periods of \(asked.periodFrames) frames and a buffer of \(asked.bufferFrames), the host \
      \(got.periodFrames) and \(got.bufferFrames)
      """
    if text != described { log.info("\(text)") }
    described = text
  }
}
