// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
import Glibc
package import Logging
import Platform
import Sound

/// The daemon from its start to its end.
package enum DaemonProgram {
  /// How long plugin calls may take at the end; one that hangs is left behind (VU-205).
  private static let farewell = 300

  /// Serves front-ends until SIGTERM or SIGINT comes, or the one connection it was given ends.
  ///
  /// - Throws: StartupError when it cannot begin to serve, or cannot go on.
  package static func run(_ configuration: DaemonConfiguration, logger: Logger) throws(StartupError) {
    do {
      // Both before any thread is started, be it one of a backend's.
      let signals = try Signals.take([SIGTERM, SIGINT])
      let activated = try configuration.socket == .activation ? FrontEndSource.activated() : nil

      let backend = try PreparedBackend(configuration, logger: logger)
      let host = try BackendHost(backend.instance, log: logger)
      let loop = try EventLoop()
      let card = try makeCard(backend.offers, host, loop, logger)
      let source = try activated ?? configuration.socket.open()
      let server = try Server(source, on: loop, logger: logger) { card }
      let watch = try loop.watch(signals) { _ in loop.stop() }
      logger.info(
        "ready: \(source.name), backend \(backend.instance.plugin.name), \(backend.offers.count) streams")

      try loop.run()
      watch.cancel()
      server.close()
      if !host.shutDown(within: farewell) {
        logger.warning("the backend hangs and is left behind")
        // Its thread may hold what the usual way out would wait for.
        _exit(0)
      }
    } catch let error as StartupError {
      throw error
    } catch {
      throw StartupError("cannot start: \(error)")
    }
  }

  private static func makeCard(
    _ offers: [StreamOffer], _ host: BackendHost, _ loop: EventLoop, _ logger: Logger
  ) throws -> SoundCard {
    unsafe try SoundCard(
      CardDescription(offers: offers), loop: loop, log: logger, attention: .event()
    ) { index, offer, feed in try unsafe host.stream(index, label: offer.label, feed: feed) }
  }
}

extension SocketSource {
  /// Opens the socket; nothing is listened to before.
  fileprivate func open() throws -> FrontEndSource {
    switch self {
    case .path(let path): try .path(path)
    case .descriptor(let number): try .inherited(number)
    case .activation:
      throw StartupError(
        "LISTEN_FDS announces no socket for this process: give --socket or --socket-fd", isWrongUse: true)
    }
  }
}
