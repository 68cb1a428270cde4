// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPlatform
import Foundation
import Platform
import Sound
import TestSupport
import Testing
import VhostUser

/// The whole program, when something around it goes wrong.
@Suite("Process, hardship", .serialized)
struct HardshipTests {
  @Test("without descriptors left a front-end waits, and is served when there are some (hostile 42)")
  func noDescriptors() throws {
    let daemon = try RunningDaemon()
    #expect(daemon.wait { daemon.log.contains("ready:") })
    let open = Set(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(daemon.pid)/fd"))
    try limitDescriptors(of: daemon, to: (0...).first { !open.contains("\($0)") } ?? 0)

    let guest = try daemon.connect()
    #expect(daemon.wait { daemon.log.contains("cannot accept a front-end: Too many open files") })
    try limitDescriptors(of: daemon, to: 1024)

    try guest.boot()
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
  }

  @Test("a front-end that is killed while its guest plays leaves nothing behind (VU-192, hostile 35)")
  func killed() throws {
    let daemon = try RunningDaemon()
    var before: [Int] = []
    for round in 0..<5 {
      let guest = try daemon.guest()
      #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
      // The one who holds the connection, as a process of its own.
      let holder = Foundation.Process()
      holder.executableURL = URL(filePath: "/bin/sleep")
      holder.arguments = ["1000"]
      try {
        let socket = try #require(guest.frontEnd.takeSocket())
        holder.standardInput = FileHandle(fileDescriptor: dup(socket.raw), closeOnDealloc: true)
        try holder.run()
        holder.standardInput = nil
      }()
      #expect(guest.flow(seconds: 0.1) > 0)

      kill(holder.processIdentifier, SIGKILL)
      holder.waitUntilExit()

      #expect(daemon.wait { daemon.log.components(separatedBy: "the front-end is gone").count == round + 2 })
      if round == 0 { before = daemon.holdings }
    }
    #expect(daemon.wait { daemon.holdings[0] <= before[0] && daemon.holdings[1] <= before[1] })
    #expect(try daemon.guest().requests([.setParameters, .prepare, .start]) == .ok)
  }

  @Test("half a message holds up nothing but its connection's next message (VU-010, hostile 8)")
  func halfMessage() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    let socket = try #require(guest.frontEnd.socket)
    let message = Message(request: Request.getFeatures.rawValue, flags: 1, payload: []).encoded

    try guest.frontEnd.send(Array(message[..<5]), on: socket)
    #expect(guest.flow(seconds: 0.5) >= 20)
    #expect(guest.requests([.stop, .release]) == .ok)
    try guest.frontEnd.send(Array(message[5...]), on: socket)

    #expect(try guest.frontEnd.readReply(to: Request.getFeatures.rawValue).count == 8)
  }

  @Test("a kick descriptor that is readable for ever is read at a bounded rate (VU-077, hostile 21)")
  func endlessKick() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    // Each read takes one of it.
    let all: UInt64 = 1 << 31 - 1
    let kick = Descriptor(owning: eventfd(UInt32(all), Int32(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC)))
    let started = Date()
    try guest.frontEnd.demand(
      .setRingKick, guest.frontEnd.ringDescriptor(SoundGuest.transmit), [kick])

    #expect(guest.flow(seconds: 0.5) > 0)
    #expect(guest.requests([.stop, .release]) == .ok)

    let left = try count(of: kick)
    let seconds = Date().timeIntervalSince(started)
    #expect(left < all)
    #expect(Double(all - left) < 25_000 * (seconds + 0.1), "\(all - left) in \(seconds) s")
  }

  @Test("a guest whose memory is taken back needs a reset, and the next one is served (VU-059, VU-140)")
  func memoryLost() throws {
    let daemon = try RunningDaemon()
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    guest.play([UInt8].pattern(1920))
    try guest.frontEnd.ram.file.truncate(to: 0)

    #expect(daemon.wait { (try? guest.frontEnd.number(.getStatus)).map { $0 & 64 != 0 } ?? false })
    guest.frontEnd.disconnect()

    #expect(try daemon.guest().requests([.setParameters, .prepare, .start]) == .ok)
  }

  @Test("the file backend writes what is played, frame by frame, while it runs")
  func files() throws {
    let sound = [UInt8].pattern(20 * 1920)
    let daemon = try RunningDaemon("file", ["play=%F/out.raw", "clock=free"])
    let guest = try daemon.guest()
    #expect(guest.requests([.setParameters, .prepare]) == .ok)
    let buffers = (0..<20).map { guest.play(Array(sound[$0 * 1920..<($0 + 1) * 1920])) }
    #expect(guest.request(.start) == .ok)

    #expect(guest.waits { buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit) != nil } })
    #expect(guest.requests([.stop, .release]) == .ok)
    #expect(try daemon.file("out.raw") == sound)
    #expect(daemon.terminate().status == 0)
    #expect(try daemon.file("out.raw") == sound)
  }

  private func limitDescriptors(of daemon: RunningDaemon, to count: Int) throws {
    let tool = try Foundation.Process.run(
      URL(filePath: "/usr/bin/prlimit"), arguments: ["--pid", "\(daemon.pid)", "--nofile=\(count):1024"])
    tool.waitUntilExit()
    try #require(tool.terminationStatus == 0)
  }

  /// What is left in an eventfd.
  private func count(of event: Descriptor) throws -> UInt64 {
    let text = try String(contentsOfFile: "/proc/self/fdinfo/\(event.raw)", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("eventfd-count:") })
    return try #require(UInt64(line.drop { $0 != ":" }.dropFirst().filter { $0 != " " }, radix: 16))
  }
}
