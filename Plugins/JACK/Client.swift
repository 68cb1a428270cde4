// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CJACK
import CLibc
import PluginABI
import PluginKit
import Synchronization

/// A client of the graph, made again whenever its server is lost, and the thread that looks after it.
///
/// Only that thread talks to the server, whose calls may hang; control threads leave their wishes and go on.
@safe
final class Client {
  /// Streams of a card.
  static let lanes: UInt32 = 64

  let name: Text
  let backend: JACKBackend
  private let lock = Lock()
  private let wake: Int32
  private var thread: Thread?
  let shared: UnsafeMutablePointer<Shared>
  // Under the lock.
  private var known = Graph()
  private var plans: [LanePlan?] = []
  /// The lane has, or will have, no ports before the next look.
  private var expected: [Bool] = []
  private var hasLooked = false
  // The thread's own.
  var connection: Connection?
  /// Connections of own ports, by their short names, to others.
  var memory: [(own: Text, other: Text)] = []
  private var isAway = false
  private var isEnded = false

  /// Between two tries to connect, and between two looks.
  private static let pause: UInt64 = 250_000_000

  init(_ backend: JACKBackend, _ name: Text) {
    self.backend = backend
    self.name = name
    wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    for _ in 0..<Self.lanes {
      plans.append(nil)
      expected.append(false)
    }
    unsafe shared = .allocate(capacity: 1)
    unsafe shared.initialize(to: Shared(wake: wake))
  }

  deinit {
    unsafe shared.deinitialize(count: 1)
    unsafe shared.deallocate()
    _ = close(wake)
  }

  // MARK: Control threads

  /// Starts the thread, and gives it a second for its first try to connect.
  func begin() throws(BackendError) {
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    thread = try unsafe Thread("vsnd-jack", wake: wake, argument: this) { client in
      // SAFETY: end() joins this thread, and the client goes after it.
      if let client = unsafe client {
        unsafe Unmanaged<Client>.fromOpaque(client).takeUnretainedValue().work()
      }
      return nil
    }
    let limit = monotonicNanoseconds() + 1_000_000_000
    while !lock.locked({ hasLooked }), monotonicNanoseconds() < limit { usleep(1000) }
  }

  func end() {
    lock.locked { isEnded = true }
    thread.take()?.join()
  }

  var graph: Graph { lock.locked { known } }

  /// The lane of a stream.
  @unsafe
  func lane(_ number: Int) -> UnsafeMutablePointer<Lane> { unsafe shared.pointee.lanes + number }

  /// Asks for the ports of a stream; ports of the same names are taken as they are.
  func want(_ plan: LanePlan, _ number: Int) {
    lock.locked {
      plans[number] = plan
      expected[number] = known.isThere
    }
    look()
  }

  /// Whether the thread has yet to give the stream its ports.
  func isExpected(_ number: Int) -> Bool { lock.locked { expected[number] } }

  /// Tells how long a cycle may be before the stream has to be opened anew.
  func announced(_ number: Int, period: UInt32) {
    unsafe shared.pointee.periods[number].store(period, ordering: .relaxed)
  }

  /// The stream is closed; its ports stay.
  func leave(_ number: Int) { unsafe shared.pointee.periods[number].store(0, ordering: .relaxed) }

  private func look() { _ = eventfd_write(wake, 1) }

  // MARK: The thread

  private func work() {
    while true {
      let isLast = lock.locked { isEnded }
      if isLast { break }
      step()
      lock.locked { hasLooked = true }
      var wait = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&wait, 1, Int32(Self.pause / 1_000_000))
      var count: eventfd_t = 0
      if !lock.locked({ isEnded }) { _ = unsafe eventfd_read(wake, &count) }
    }
    connection?.end()
    connection = nil
  }

  private func step() {
    if let connection, connection.isLost { lose(connection, "the JACK server is gone") }
    if let connection, connection.hasOtherRate { lose(connection, "the JACK graph has another rate") }
    if connection == nil { connect() }
    guard let connection else { return }
    let changed = unsafe shared.pointee.changed.exchange(false, ordering: .acquiring)
    let looked = lock.locked { plans }
    for (number, plan) in looked.enumerated() {
      guard let plan else { continue }
      if plan.rate == connection.rate { connection.give(plan, number) }
    }
    if connection.connect(changed: changed) { connection.settle() }
    // Only what was wanted before this look has its ports: another may have come meanwhile.
    lock.locked {
      for number in plans.indices where plans[number] == looked[number] { expected[number] = false }
    }
    if changed { learn(connection) }
  }

  private func connect() {
    guard let made = Connection.open(self, backend.options) else {
      lock.locked {
        known.isThere = false
        for index in expected.indices { expected[index] = false }
      }
      if !isAway { backend.host.log(VSND_LOG_WARNING, "there is no JACK server; trying again and again") }
      isAway = true
      return
    }
    connection = made
    learn(made)
    if isAway {
      isAway = false
      backend.host.log(VSND_LOG_INFO, "the JACK server is there: client \(made.name), \(made.rate) Hz")
      backend.host.notify(VSND_EVENT_RESTORED, backend)
    }
  }

  private func learn(_ connection: Connection) {
    var graph = Graph()
    graph.isThere = true
    graph.rate = connection.rate
    graph.period = connection.period
    graph.inputs = connection.groups(capture: false)
    graph.outputs = connection.groups(capture: true)
    let count = lock.locked {
      let before = known.inputs.count + known.outputs.count
      known = graph
      return before
    }
    if count != graph.inputs.count + graph.outputs.count {
      backend.host.notify(VSND_EVENT_DEVICES, backend)
    }
  }

  private func lose(_ old: Connection, _ reason: Text) {
    lock.locked { known.isThere = false }
    if !isAway {
      backend.host.log(VSND_LOG_WARNING, "\(reason); connecting again as soon as possible")
      backend.host.notify(VSND_EVENT_LOST, backend)
    }
    isAway = true
    connection = nil
    old.end()
  }
}

// MARK: What users connected, for as long as the daemon runs; the thread's own

extension Client {
  /// What the ports were connected to when the server was there last.
  func saved(_ ports: [Text]) -> [(own: Text, other: Text)] {
    var pairs: [(own: Text, other: Text)] = []
    for pair in memory where ports.contains(pair.own) { pairs.append(pair) }
    return pairs
  }

  func save(_ ports: [Text], _ pairs: [(own: Text, other: Text)]) {
    memory = memory.filter { !ports.contains($0.own) } + pairs
  }
}
