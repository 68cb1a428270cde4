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

  /// A request of the guest; its number tells late answers of the host from current ones.
  private struct Request {
    let number: UInt64
    let command: PCMCommand
    let wanted: PCMParameters?
    let reply: Reply
  }
  /// The request that the host works on.
  private var pending: Request?
  /// Requests that came meanwhile: those of one stream are executed in order (VS-031).
  private var waiting: [Request] = []
  private var lastNumber: UInt64 = 0
  /// The flow that began without a request, when its ring came back.
  private var resumption: UInt64?

  /// How long a guest is kept waiting for its host, in ms: it gives up after 1 s (VS-030).
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
    let request = Request(number: nextNumber(), command: command, wanted: wanted, reply: reply)
    if pending == nil { execute(request) } else { waiting.append(request) }
    let unanswered = pending?.number == request.number || waiting.last?.number == request.number
    guard unanswered else { return }
    loop.after(milliseconds: Self.deadline) { [weak self] in self?.timeOut(request.number) }
  }

  private func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  private func execute(_ request: Request) {
    switch state.step(request.command) {
    case .refuse: request.reply(.badMessage)
    case .accept, .keep: request.reply(.ok)
    case .set: set(request)
    case .setAnew:
      giveUp(.discard)
      set(request)
    case .open: open(request)
    case .start: start(request)
    case .stop:
      state = .stopped
      updateFlow()
      request.reply(.ok)
    case .release:
      state = .released
      giveUp(.drain)
      request.reply(.ok)
    }
  }

  private func set(_ request: Request) {
    guard let wanted = request.wanted else { return request.reply(.badMessage) }
    parameters = wanted
    state = .parametersSet
    request.reply(.ok)
  }

  // MARK: Steps that the host takes part in

  private func open(_ request: Request) {
    guard let parameters else { return request.reply(.badMessage) }
    let map = ChannelMap.positions(offer, channels: Int(parameters.channels))
    let device = OpenParameters(
      direction: offer.direction, index: UInt32(id), format: parameters.format, rate: parameters.rate,
      channels: parameters.channels, periodFrames: parameters.periodFrames,
      bufferFrames: parameters.bufferFrames, map: map, device: offer.device, label: offer.label)
    hostIsOpen = true
    pending = request
    host.prepare(device, answer: heard(request.number) { $0.opened($1) })
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
      frameBytes: parameters.frameBytes, rate: parameters.rate.hertz,
      silentSample: parameters.format.silence, bounceFrames: bounce)
    state = .prepared
    return .ok
  }

  private func start(_ request: Request) {
    let before = state
    state = .running
    guard ringIsLive else { return request.reply(.ok) }
    pending = request
    beginFlow(answer: heard(request.number) { $0.started($1, before) })
  }

  private func started(_ error: BackendError?, _ before: PCMState) -> ControlStatus {
    guard let error else { return .ok }
    log.error("stream \(id): cannot start: \(error)")
    state = before
    endFlow()
    return Self.status(of: error)
  }

  /// What the host calls, on any thread, when it is through with request `number`.
  private func heard(
    _ number: UInt64, _ outcome: @escaping @Sendable (CardStream, BackendError?) -> ControlStatus
  ) -> @Sendable (BackendError?) -> Void {
    { [weak self] error in
      guard let self else { return }
      loop.post { self.answer(number) { outcome($0, error) } }
    }
  }

  /// Answers request `number`, unless that was done, and goes on with those that came meanwhile.
  private func answer(_ number: UInt64, _ outcome: (CardStream) -> ControlStatus) {
    guard let request = pending, request.number == number else { return }
    pending = nil
    request.reply(outcome(self))
    while pending == nil, !waiting.isEmpty { execute(waiting.removeFirst()) }
  }

  /// The guest of request `number` has waited long enough.
  private func timeOut(_ number: UInt64) {
    if let late = waiting.firstIndex(where: { $0.number == number }) {
      return waiting.remove(at: late).reply(.ioError)
    }
    answer(number) { stream in
      // A host that hangs is no reason to stop a guest: its clock goes on, on the daemon's.
      stream.state == .running ? .ok : stream.openTimedOut()
    }
  }

  private func openTimedOut() -> ControlStatus {
    hostIsOpen = false
    host.release(.discard)
    log.error("stream \(id): the host did not open its device within \(Self.deadline) ms")
    return .ioError
  }

  private static func status(of error: BackendError) -> ControlStatus {
    ControlStatus(rawValue: HostFailure(pluginCode: error.code).rawValue) ?? .ioError
  }

  // MARK: Flow

  /// Starts or pauses the host as state and ring say.
  private func updateFlow() {
    let should = state == .running && ringIsLive
    if should, !flows { resumeFlow() }
    if !should, flows { endFlow() }
  }

  /// Lets audio flow again after a pause; a guest that runs goes on, with its host or without (VU-135).
  private func resumeFlow() {
    let number = nextNumber()
    resumption = number
    beginFlow { [self] error in
      guard let error else { return }
      loop.post { [self] in
        guard resumption == number else { return }
        log.warning("stream \(id): cannot start again: \(error)")
        // Started without a device, the host's side keeps the guest's clock and looks for one.
        host.release(.discard)
        host.start { _ in }
      }
    }
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
    resumption = nil
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
