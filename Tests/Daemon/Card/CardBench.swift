// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import Sound
import TestSupport
import VhostUser

@testable import Daemon

/// A card on a loop that is driven by hand, with scripted hosts, behind a session without a socket.
final class CardBench {
  let loop = ManualLoop()
  let log = RecordingLog()
  let card: SoundCard
  private(set) var hosts: [ScriptedHost] = []
  private var lines: [String] = []

  /// - Parameter streams: one output and one input unless a test needs others.
  init(_ streams: [StreamSpecification] = StreamSpecification.standard) throws {
    let able = DeviceCapabilities(formats: 0x1FF_FFFE, rates: 0xFFFF, channels: 1...18)
    let offers = try streams.enumerated().map { try StreamOffer($1, index: $0, on: able) }
    var hosts: [ScriptedHost] = []
    card = try SoundCard(
      CardDescription(offers: offers), loop: loop, log: log.logger, attention: .event()
    ) { _, _, feed in
      hosts.append(ScriptedHost(feed))
      return hosts[hosts.count - 1]
    }
    self.hosts = hosts
  }

  /// A front-end with a guest that has not started; ends as if it had closed its socket.
  ///
  /// - Parameter ring: entries of each ring.
  func connect(ring size: UInt32 = 64) throws -> SoundGuest {
    let session = Session(device: card) { [weak self] in self?.lines.append("\($0): \($1)") }
    let frontEnd = try FrontEnd(driving: session)
    for index in frontEnd.rings.indices { frontEnd.rings[index].size = size }
    return SoundGuest(frontEnd, waits: false) { [loop] in loop.run() }
  }

  /// A guest whose driver has started.
  func guest(_ features: UInt64? = nil, ring size: UInt32 = 64) throws -> SoundGuest {
    let guest = try connect(ring: size)
    try guest.boot(features)
    return guest
  }

  /// What the front-end's end does.
  func disconnect() {
    card.teardown()
    loop.run()
  }

  /// What the session had to say.
  var sessionLines: [String] { lines }
  func state(_ stream: Int = 0) -> PCMState { card.streams[stream].state }
}

extension SoundGuest {
  /// Brings a stream into a state, the way the specification draws it (VS-080).
  func bring(_ stream: UInt32 = 0, to state: PCMState, _ parameters: Parameters? = nil) -> Status? {
    let path: [Ask] =
      switch state {
      case .initial: []
      case .parametersSet: [.setParameters]
      case .prepared: [.setParameters, .prepare]
      case .running: [.setParameters, .prepare, .start]
      case .stopped: [.setParameters, .prepare, .start, .stop]
      case .released: [.setParameters, .prepare, .start, .stop, .release]
      }
    return requests(path, stream, parameters)
  }
}
