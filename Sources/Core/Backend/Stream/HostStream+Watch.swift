// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Logging
private import Platform
private import Sound
private import Synchronization

/// What the watcher's thread does: nothing here waits for the backend.
extension HostStream {
  /// Looks after the stream: failures, silence, the clock, late starts.
  ///
  /// - Returns: when to look again, nil when there is nothing to look after.
  func look() -> UInt64? {
    let (next, late) = state.withLock { state -> (UInt64?, Answer?) in
      // Under the lock: the opener's thread may just have begun a watch.
      let now = MonotonicClock.now
      if let calm = calm(state), calm > now { return (calm == .max ? nil : calm, nil) }
      takeFailure(&state, at: now)
      move(&state, at: now)
      if let due = state.reopenAt, due <= now, !state.isReopening {
        state.reopenAt = nil
        state.isReopening = true
        let epoch = state.epoch
        opener.put { [self] in reopen(epoch) }
      }
      var late: Answer?
      if let start = state.start, start.deadline <= now {
        late = start.answer
        state.start = nil
      }
      let times = [
        state.watch?.nextLook, state.start?.deadline, state.isReopening ? nil : state.reopenAt,
      ]
      return (times.compactMap { $0 }.min(), late)
    }
    late?(nil)
    return next
  }

  /// Until when a stream that is well, or does not run, need not be looked at: `.max` for ever; nil for any other.
  ///
  /// What the watcher finds nearly always, and therefore short: it wakes a dozen times a second, with cold caches.
  private func calm(_ state: borrowing State) -> UInt64? {
    guard state.start == nil, state.reopenAt == nil, !state.isReopening, !state.isPaced,
      unsafe feed.pointee.failure.load(ordering: .relaxed) == 0
    else { return nil }
    guard let watch = state.watch else { return .max }
    return watch.calm(asked: unsafe feed.pointee.asked.load(ordering: .relaxed))
  }

  /// The sound server is back: a device that failed is tried at once.
  func serverRestored() {
    state.withLock { state in
      guard state.isLost, state.wish == .running else { return }
      state.backoff.reset()
      if state.isReopening { state.isRestored = true } else { state.reopenAt = MonotonicClock.now }
    }
    wakeWatcher()
  }

  /// Handles what failed() reported.
  private func takeFailure(_ state: inout State, at now: UInt64) {
    // While a device is opened again its failure has to wait: only then is it known to be another one.
    if state.isReopening { return }
    let code = unsafe feed.pointee.failure.exchange(0, ordering: .acquiring)
    guard code != 0, state.wish != .closed, !state.isLost else { return }
    lose(&state, BackendError(code: code).text, at: now)
    opener.put { [self] in
      if self.state.withLock({ $0.isLost }) { close(.discard) }
    }
  }

  /// Gives the stream to the clock; its device is lost, and will be opened again if the stream runs.
  func lose(_ state: inout State, _ reason: String, at now: UInt64) {
    state.isLost = true
    state.isPaced = false
    guard state.wish == .running else { return }
    if let watch = state.watch, watch.phase == .attached, now >= watch.since + Backoff.trusted {
      state.backoff.reset()
    }
    state.watch?.fail(at: now)
    unsafe feed.pointee.give(to: .clock)
    state.reopenAt = now + state.backoff.next()
    sayGone(&state, reason)
  }

  /// Does what the watch says.
  private func move(_ state: inout State, at now: UInt64) {
    guard var watch = state.watch else { return }
    let asked = unsafe feed.pointee.asked.load(ordering: .relaxed)
    let entered = stepMark.entered.load(ordering: .relaxed)
    let excused = !state.isPaced ? 0 : entered == 0 ? now : entered
    var step = watch.look(at: now, asked: asked, excused: excused)
    if step == .takeOver {
      unsafe feed.pointee.give(to: .clock)
      sayGone(&state, "it has fallen silent")
      step = watch.look(at: now, asked: asked)
    }
    switch step {
    case .skip(let frames): _ = unsafe feed.pointee.skip(frames)
    case .handBack:
      unsafe feed.pointee.give(to: .backend)
      if state.isAway { log.info("\(name): the host is back") }
      state.isAway = false
    case .takeOver, .nothing: break
    }
    state.watch = watch
  }

  /// Says once that the guest is on its own.
  private func sayGone(_ state: inout State, _ reason: String) {
    if !state.isAway {
      log.warning("\(name): the host is gone (\(reason)); the guest goes on without it")
    }
    state.isAway = true
  }
}
