// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Logging
internal import Platform
internal import Sound
internal import Synchronization

/// One stream of the guest on the host: opens, starts, stops and closes its device, and keeps the guest's clock
/// going while the host is away.
///
/// The calls of the control thread never wait for the backend: an Opener makes them, in order. Answers come
/// once, on any thread; none comes for an open that was given up by release(_:).
@safe
package final class HostStream: @unchecked Sendable {
  package typealias Answer = @Sendable (BackendError?) -> Void

  /// What the guest wants.
  enum Wish { case closed, open, running }

  /// A start that was not answered yet.
  struct PendingStart {
    let answer: Answer
    /// When the guest is told that it runs, whatever the host does.
    let deadline: UInt64
  }

  struct State {
    var wish = Wish.closed
    /// Counts the calls of the control thread: tells jobs that came too late.
    var epoch: UInt64 = 0
    /// Counts prepare and release: tells an open that was given up.
    var generation: UInt64 = 0
    var parameters: OpenParameters?
    var start: PendingStart?
    /// While the stream runs.
    var watch: HostWatch?
    /// The daemon's clock calls process(): the watch looks at stepMark too.
    var isPaced = false
    /// The device failed, and is not open again.
    var isLost = false
    /// The log was told that the host is away.
    var isAway = false
    var backoff = Backoff()
    /// When to try to open the device again.
    var reopenAt: UInt64?
    var isReopening = false
    /// The server came back while a try was made.
    var isRestored = false
  }

  /// A guest that starts waits no longer than this for its host: then it runs on the daemon's clock.
  static let startLimit: UInt64 = 500_000_000

  let state = Locked(State())
  let instance: Instance
  let feed: UnsafeMutablePointer<Feed>
  let opener: Opener
  let log: Logger
  private let watcherSignal: Descriptor
  let stepMark = StepMark()
  /// How the log calls the stream.
  let name: String
  /// Belongs to the opener's thread, like what follows.
  var device: OpenDevice?
  /// What the log was told about it.
  var described = ""

  /// Whether the audio context may be lent guest memory: its loans are as short as a copy.
  package var lendsGuestMemory: Bool { instance.plugin.capabilities.contains(.nonblocking) }

  /// - Parameters:
  ///   - name: for the log.
  ///   - feed: stays where it is as long as the stream's threads live.
  @unsafe
  init(
    _ name: String, feed: UnsafeMutablePointer<Feed>, instance: Instance, opener: Opener,
    watcherSignal: Descriptor, log: Logger
  ) {
    self.name = name
    unsafe self.feed = feed
    self.instance = instance
    self.opener = opener
    self.log = log
    self.watcherSignal = watcherSignal
    unsafe feed.pointee.failureSignal.store(watcherSignal.raw, ordering: .relaxed)
  }

  // MARK: Control thread

  /// Opens the device, anew if it is open with other parameters.
  package func prepare(_ parameters: OpenParameters, answer: @escaping Answer) {
    let (generation, owed) = state.withLock { state in
      state.epoch += 1
      state.generation += 1
      state.parameters = parameters
      let owed = rest(&state, .open)
      return (state.generation, owed)
    }
    owed?(nil)
    opener.put { [self] in open(parameters, generation, answer) }
  }

  /// Lets audio flow.
  ///
  /// Answered at the latest after half a second, with success: then the daemon's clock moves the stream, until
  /// the host is there.
  package func start(answer: @escaping Answer) {
    let now = MonotonicClock.now
    let epoch = state.withLock { state in
      state.epoch += 1
      state.wish = .running
      state.start = PendingStart(answer: answer, deadline: now + Self.startLimit)
      return state.epoch
    }
    opener.put { [self] in begin(epoch) }
    wakeWatcher()
  }

  /// Pauses: no loan is taken after this has returned.
  package func stop() {
    let owed = state.withLock { state in
      state.epoch += 1
      return rest(&state, .open)
    }
    owed?(nil)
    opener.put { [self] in pause() }
  }

  /// Closes the device, and gives up an open or a start that still waits.
  ///
  /// No loan is taken after this has returned.
  package func release(_ mode: StopMode) {
    let owed = state.withLock { state in
      state.epoch += 1
      state.generation += 1
      state.isLost = false
      return rest(&state, .closed)
    }
    owed?(nil)
    opener.put { [self] in close(mode) }
  }

  /// Lets the watcher look at once; any thread.
  func wakeWatcher() { watcherSignal.signal() }

  /// Nothing moves the stream from here on.
  ///
  /// - Returns: the answer that a start still owes: it succeeded, and is over.
  private func rest(_ state: inout State, _ wish: Wish) -> Answer? {
    let owed = state.start.take()?.answer
    state.wish = wish
    state.isPaced = false
    state.watch = nil
    state.reopenAt = nil
    state.isAway = false
    unsafe feed.pointee.give(to: .nobody)
    return owed
  }
}

/// A device that is open, with the thread that moves its audio.
final class OpenDevice {
  let stream: PluginStream
  let parameters: OpenParameters
  /// start() succeeded, and no stop() came since.
  var isStarted = false
  /// start() succeeded since open(): stop() is due before close().
  var wasStarted = false
  var worker: StreamWorker?
  /// The daemon's clock says when process() is called.
  var isPaced: Bool { stream.needsProcess && stream.wake == nil }

  init(_ stream: PluginStream, _ parameters: OpenParameters) {
    self.stream = stream
    self.parameters = parameters
  }
}
