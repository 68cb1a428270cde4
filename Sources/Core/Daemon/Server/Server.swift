// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Logging
package import Platform
package import VhostUser

/// Serves front-ends, one at a time, each with a device of its own (VU-190 to VU-192).
///
/// ```
/// let signals = try Signals.take([SIGTERM, SIGINT])   // before any thread
/// let loop = try EventLoop()
/// let server = try Server(.path("/tmp/snd.sock"), on: loop, logger: logger) { SoundCard(loop: loop, …) }
/// _ = try loop.watch(signals) { _ in loop.stop() }
/// try loop.run()
/// server.close()                                      // removes the socket file
/// ```
package final class Server {
  /// How long to leave the listener alone when the process has no descriptors left, in nanoseconds.
  private static let acceptPause: UInt64 = 200_000_000

  private let loop: EventLoop
  private let logger: Logger
  private let makeDevice: () throws -> any VhostDevice
  private var source: FrontEndSource?
  private var listening: EventLoop.Watch?
  private var connection: Connection?
  private var device: (any VhostDevice)?
  private var losses: EventLoop.Watch?
  private var limit = LineLimit(earning: 2_000_000_000)

  /// - Parameters:
  ///   - loop: stopped by this when a single connected socket has ended.
  ///   - makeDevice: called for each front-end; what it throws closes the connection.
  package init(
    _ source: FrontEndSource, on loop: EventLoop, logger: Logger,
    makeDevice: @escaping () throws -> any VhostDevice
  ) throws(SystemCallError) {
    self.loop = loop
    self.logger = logger
    self.makeDevice = makeDevice
    self.source = source
    let loss = try Mapping.installGuard()
    losses = try loop.watch(loss) { [weak self] _ in
      _ = loss.readEvent()
      self?.say(.warning, "a front-end took back memory that its guest still uses; it reads as zeros now")
      self?.device?.memoryWasLost()
    }
    switch source.kind {
    case .listening(let listener, _):
      listening = try loop.watch(listener) { [weak self] _ in self?.accept(from: listener) }
    case .connected(let socket):
      // Within run(), which is to end if this fails.
      loop.schedule(at: 0) { [weak self] in self?.serve(socket) }
    }
  }

  /// Whether a front-end is connected.
  package var isServing: Bool { connection != nil }

  /// Ends everything, in bounded time, and removes the socket file if it was made here (VU-205).
  package func close() {
    listening?.cancel()
    listening = nil
    losses?.cancel()
    disconnect()
    // Whoever made the source may still hold it.
    source?.removeFile()
    source = nil
  }

  private func accept(from listener: Descriptor) {
    do {
      if let socket = try UnixSocket.accept(from: listener) { serve(socket) }
    } catch  where error.isPeersFault {
      say(.debug, "a front-end was gone before it was accepted")
    } catch {
      say(.error, "cannot accept a front-end: \(error.cause); trying again")
      pauseListening(for: Self.acceptPause)
    }
  }

  private func serve(_ socket: Descriptor) {
    // Others wait in the backlog meanwhile (VU-190).
    listening?.pause()
    do {
      let device = try makeDevice()
      self.device = device
      let session = Session(device: device) { [weak self] in self?.note($0, $1) }
      connection = try Connection(socket, session, on: loop) { [weak self] in self?.ended($0) }
      say(.info, "a front-end is connected")
    } catch {
      say(.error, "cannot serve a front-end: \(error)")
      UnixSocket.disconnect(socket)
      ended(nil)
    }
  }

  private func ended(_ reason: Connection.End?) {
    switch reason {
    case .closedByPeer: say(.info, "the front-end is gone")
    case .failed(let text): say(.warning, "the front-end was disconnected: \(text)")
    case nil: break
    }
    disconnect()
    if listening == nil {
      loop.stop()
    } else if reason == nil {
      pauseListening(for: Self.acceptPause)
    } else {
      pauseListening(for: 0)
    }
  }

  private func disconnect() {
    connection?.close()
    connection = nil
    device?.teardown()
    device = nil
  }

  /// Listens again after `time` nanoseconds.
  private func pauseListening(for time: UInt64) {
    listening?.pause()
    loop.schedule(at: MonotonicClock.now + time) { [weak self] in
      guard let self, self.connection == nil else { return }
      do {
        try self.listening?.resume()
      } catch {
        self.say(.error, "cannot wait for front-ends: \(error); trying again")
        self.pauseListening(for: Self.acceptPause)
      }
    }
  }

  private func note(_ level: SessionLogLevel, _ text: String) {
    switch level {
    case .debug: say(.debug, text)
    case .info: say(.info, text)
    case .warning: say(.warning, text)
    }
  }

  /// Whatever a front-end can cause goes through the limit: connecting costs it nothing either.
  private func say(_ level: Logger.Level, _ text: String) {
    guard level >= logger.logLevel, let dropped = limit.admit(at: MonotonicClock.now) else { return }
    if dropped > 0 { logger.log(level: level, "\(dropped) lines about front-ends were left out") }
    logger.log(level: level, "\(text)")
  }
}
