// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
import Logging
import Sound

/// One stream of the card: what its guest asked for, and how far the host has come with it.
///
/// Lives on the control thread, for the life of the daemon.
@safe
final class CardStream: @unchecked Sendable {
  typealias Reply = (ControlStatus) -> Void

  let id: Int
  let offer: StreamOffer
  let feed: UnsafeMutablePointer<Feed>
  let queue: UnsafeMutablePointer<TransferQueue>
  private let host: any StreamHost
  private unowned let loop: any ControlLoop
  private var log: Logger

  private(set) var state = PCMState.initial
  private(set) var parameters: PCMParameters?
  /// Whether the host's device is open, or on its way to it.
  private var hostIsOpen = false
  /// Whether audio flows: the stream runs, and so does its ring.
  private(set) var flows = false
  /// Whether the ring of the stream lets buffers through.
  var ringIsLive = false { didSet { if ringIsLive != oldValue { updateFlow() } } }
  /// Tells the card that ``flows`` changed.
  var flowChanged: () -> Void = {}

  /// The request that the host works on; its number tells late answers from current ones.
  private var pending: (number: UInt64, reply: Reply)?
  private var lastNumber: UInt64 = 0
  /// Requests that came meanwhile: those of one stream are executed in order (VS-031).
  private var waiting: [(PCMCommand, PCMParameters?, Reply)] = []

  /// How long a guest is kept waiting for its host: it gives up after 1 s (VS-030).
  static let deadline = 800

  init(
    id: Int, offer: StreamOffer, feed: UnsafeMutablePointer<Feed>,
    queue: UnsafeMutablePointer<TransferQueue>, host: any StreamHost, loop: any ControlLoop, log: Logger
  ) {
    self.id = id
    self.offer = offer
    unsafe self.feed = feed
    unsafe self.queue = queue
    self.host = host
    self.loop = loop
    self.log = log
  }

  /// Executes a command and answers, now or when the host is through (VS-080…086).
  func perform(_ command: PCMCommand, _ wanted: PCMParameters? = nil, reply: @escaping Reply) {
    guard pending == nil else {
      waiting.append((command, wanted, reply))
      return
    }
    switch state.step(command) {
    case .refuse: reply(.badMessage)
    case .accept, .keep: reply(.ok)
    case .set: set(wanted, reply)
    case .setAnew:
      giveUp(.discard)
      set(wanted, reply)
    case .open: open(reply)
    case .start: start(reply)
    case .stop:
      state = .stopped
      updateFlow()
      reply(.ok)
    case .release:
      state = .released
      giveUp(.drain)
      reply(.ok)
    }
  }

  private func set(_ wanted: PCMParameters?, _ reply: Reply) {
    guard let wanted else { return reply(.badMessage) }
    parameters = wanted
    state = .parametersSet
    reply(.ok)
  }

  // MARK: Steps that the host takes part in

  private func open(_ reply: @escaping Reply) {
    guard let parameters else { return reply(.badMessage) }
    let map = ChannelMap.positions(offer, channels: Int(parameters.channels))
    let request = OpenParameters(
      direction: offer.direction, index: UInt32(id), format: parameters.format, rate: parameters.rate,
      channels: parameters.channels, periodFrames: parameters.periodFrames,
      bufferFrames: parameters.bufferFrames, map: map, device: offer.device, label: offer.label)
    hostIsOpen = true
    let number = wait(reply) { $0.openTimedOut() }
    host.prepare(request, answer: heard(number) { $0.opened($1) })
  }

  private func opened(_ error: BackendError?) -> ControlStatus {
    if let error {
      hostIsOpen = false
      host.release(.discard)
      log.error("stream \(id): cannot open \(offer.device ?? "the default device"): \(error)")
      return Self.status(of: error)
    }
    guard let parameters else { return .badMessage }
    let bounce = host.lendsGuestMemory || offer.direction == .output ? 0 : max(parameters.periodFrames, 4096)
    unsafe feed.pointee.prepare(
      frameBytes: parameters.frameBytes, silentSample: parameters.format.silence, bounceFrames: bounce)
    state = .prepared
    return .ok
  }

  private func openTimedOut() -> ControlStatus {
    hostIsOpen = false
    host.release(.discard)
    log.error("stream \(id): the host did not open its device within \(Self.deadline) ms")
    return .ioError
  }

  private func start(_ reply: @escaping Reply) {
    let before = state
    state = .running
    guard ringIsLive else { return reply(.ok) }
    // A host that hangs is no reason to stop the guest: its clock goes on, on the daemon's.
    let number = wait(reply) { _ in .ok }
    beginFlow(answer: heard(number) { $0.started($1, before) })
  }

  private func started(_ error: BackendError?, _ before: PCMState) -> ControlStatus {
    guard let error else { return .ok }
    log.error("stream \(id): cannot start: \(error)")
    state = before
    endFlow()
    return Self.status(of: error)
  }

  /// Notes that a request waits for the host, until the deadline at most.
  private func wait(_ reply: @escaping Reply, timedOut: @escaping (CardStream) -> ControlStatus) -> UInt64 {
    lastNumber += 1
    let number = lastNumber
    pending = (number, reply)
    loop.after(milliseconds: Self.deadline) { [weak self] in self?.answered(number, timedOut) }
    return number
  }

  /// What the host calls, on any thread, when it is through with request `number`.
  private func heard(
    _ number: UInt64, _ outcome: @escaping @Sendable (CardStream, BackendError?) -> ControlStatus
  ) -> @Sendable (BackendError?) -> Void {
    { [self] error in loop.post { [self] in answered(number) { outcome($0, error) } } }
  }

  /// Answers request `number`, unless that was done, and goes on with those that came meanwhile.
  private func answered(_ number: UInt64, _ outcome: (CardStream) -> ControlStatus) {
    guard let pending, pending.number == number else { return }
    self.pending = nil
    pending.reply(outcome(self))
    while self.pending == nil, !waiting.isEmpty {
      let (command, wanted, reply) = waiting.removeFirst()
      perform(command, wanted, reply: reply)
    }
  }

  private static func status(of error: BackendError) -> ControlStatus {
    ControlStatus(rawValue: HostFailure(pluginCode: error.code).rawValue) ?? .ioError
  }

  // MARK: Flow

  /// Starts or pauses the host as state and ring say.
  private func updateFlow() {
    let should = state == .running && ringIsLive
    if should, !flows { beginFlow { _ in } }
    if !should, flows { endFlow() }
  }

  private func beginFlow(answer: @escaping @Sendable (BackendError?) -> Void) {
    flows = true
    flowChanged()
    unsafe feed.pointee.unhold()
    host.start(answer: answer)
  }

  private func endFlow() {
    guard flows else { return }
    flows = false
    unsafe feed.pointee.hold()
    host.stop()
    flowChanged()
  }

  /// Returns all buffers and closes the host's device (VS-130…132).
  private func giveUp(_ mode: StopMode) {
    endFlow()
    unsafe feed.pointee.flush(closing: true)
    if hostIsOpen { host.release(mode) }
    hostIsOpen = false
  }

  /// Forgets requests that wait for the host: the control queue stops, and will deliver them again.
  func forgetRequests() {
    guard pending != nil else { return }
    pending = nil
    waiting = []
    if state == .running {
      state = .stopped
      updateFlow()
    } else if hostIsOpen, state != .prepared {
      hostIsOpen = false
      host.release(.discard)
    }
  }

  /// Back to the initial state: the guest was reset (VS-087).
  ///
  /// The ring is stopped, and its memory left alone.
  func reset() {
    pending = nil
    waiting = []
    state = .initial
    parameters = nil
    endFlow()
    unsafe feed.pointee.reset()
    if hostIsOpen { host.release(.discard) }
    hostIsOpen = false
  }
}
