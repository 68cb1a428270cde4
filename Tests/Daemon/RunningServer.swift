// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Logging
import Platform
import Synchronization
import TestSupport
import VhostUser

@testable import Daemon

/// A server over a real socket, on a thread of its own, with scripted devices.
final class RunningServer: @unchecked Sendable {
  /// What the server's thread did; to be looked at after ``stop()``.
  final class Record: @unchecked Sendable {
    var devices: [ScriptedDevice] = []
    var failure: (any Error)?
  }

  struct Refusal: Error {}

  let record = Record()
  private let folder: Folder
  private let remote: EventLoop.Remote
  private let loop: Unchecked<EventLoop>
  private let server: Unchecked<Server>
  private let thread: Thread
  private let source: FrontEndSource

  var path: String { folder.path("s") }

  /// - Parameters:
  ///   - connected: serve this socket alone, instead of listening at ``path``.
  ///   - refusing: how many front-ends get no device.
  init(connected: Descriptor? = nil, refusing: Int = 0) throws {
    folder = try Folder()
    let loop = try EventLoop()
    let source =
      try connected.map { FrontEndSource(kind: .connected($0), name: "test") } ?? .path(folder.path("s"))
    self.source = source
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var refusals = refusing
    let server = try Server(source, on: loop, logger: logger) { [record] in
      refusals -= 1
      if refusals >= 0 { throw Refusal() }
      let device = ScriptedDevice()
      record.devices.append(device)
      return device
    }
    remote = loop.remote
    self.loop = Unchecked(loop)
    self.server = Unchecked(server)
    thread = try Thread(name: "control") { [record, loop = self.loop, server = self.server] in
      do {
        try loop.value.run()
      } catch {
        record.failure = error
      }
      server.value.close()
    }
  }

  func connect() throws -> FrontEnd { try FrontEnd(path: path) }

  /// Ends the server and waits for its thread.
  func stop() {
    remote.post { [loop] in loop.value.stop() }
    thread.join()
  }

  /// Waits for a server that ends by itself.
  func join() { thread.join() }

  /// Runs something on the control thread and waits for it.
  func ask<Answer: Sendable>(_ body: @escaping @Sendable (Record) -> Answer) throws -> Answer? {
    let mailbox = try Mailbox<Answer>()
    remote.post { [record] in mailbox.put(body(record)) }
    let epoll = try Epoll()
    try epoll.add(mailbox.descriptor, for: .readable, token: 0)
    _ = try epoll.wait(milliseconds: 10_000)
    return mailbox.takeAll().first
  }
}
