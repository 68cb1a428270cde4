// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization

/// A connection over a Unix socket on which both sides speak in lines.
final class LineSocket: Sendable {
  private let descriptor: Int32
  private let received = Mutex<[UInt8]>([])

  /// Connects as soon as somebody listens there.
  init(path: String, within seconds: Double) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw Failure("\(path) is too long for a socket's path")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let connected = eventually(within: seconds) {
      withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
    }
    guard connected else {
      close(descriptor)
      throw Failure("nobody listens on \(path)")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  func send(_ line: String) throws {
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure("the other side of a socket is gone") }
      bytes = bytes.dropFirst(count)
    }
  }

  /// The next line, without its end; nil when none comes before the deadline.
  func line(before deadline: Date) throws -> String? {
    while true {
      if let line = takeLine() { return line }
      let left = deadline.timeIntervalSinceNow
      guard left > 0 else { return nil }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, Int32(left * 1000) + 1) > 0 else { continue }
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { throw Failure("the other side of a socket is gone") }
      received.withLock { $0 += chunk[..<count] }
    }
  }

  private func takeLine() -> String? {
    received.withLock { bytes in
      guard let end = bytes.firstIndex(of: 10) else { return nil }
      let line = String(decoding: bytes[..<end], as: UTF8.self)
      bytes.removeSubrange(...end)
      return line
    }
  }
}
