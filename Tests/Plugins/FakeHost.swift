// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// What a plugin told the daemon, outside of streams.
final class FakeHost: @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [(level: UInt32, text: String)] = []
  private var kinds: [UInt32] = []
  private let storage = UnsafeMutablePointer<Table>.allocate(capacity: 1)

  /// The C table with the fake behind it, where the functions find it again.
  private struct Table {
    var host: vsnd_host_t
    let owner: Unmanaged<FakeHost>
  }

  var logged: [(level: UInt32, text: String)] { lock.withLock { lines } }

  /// The kinds of events that were notified.
  var events: [UInt32] { lock.withLock { kinds } }

  var table: UnsafePointer<vsnd_host_t> {
    UnsafeRawPointer(storage).assumingMemoryBound(to: vsnd_host_t.self)
  }

  /// - Parameter size: that of an older daemon's table; what lies behind it is poisoned.
  init(size: Int = MemoryLayout<vsnd_host_t>.size) {
    var host = vsnd_host_t()
    host.abi_minor = VSND_ABI_MINOR
    host.log = { host, level, text in
      let fake = FakeHost.of(host)
      fake.lock.withLock { fake.lines.append((level, String(cString: text))) }
    }
    host.set_error = { error, code, text in
      let sink = Unmanaged<ErrorSink>.fromOpaque(UnsafeRawPointer(error)).takeUnretainedValue()
      sink.systemError = code
      sink.text = String(cString: text)
    }
    host.notify = { host, _, event in
      let fake = FakeHost.of(host)
      fake.lock.withLock { fake.kinds.append(event.pointee.kind) }
    }
    host.acquire = { FakeFeed.of($0).acquire($1, $2, $3) }
    host.commit = { FakeFeed.of($0).commit($1, $2) }
    host.xrun = { FakeFeed.of($0).xrun($1) }
    host.failed = { FakeFeed.of($0).failed($1) }
    storage.initialize(to: Table(host: host, owner: .passUnretained(self)))
    let bytes = UnsafeMutableRawPointer(storage)
    bytes.storeBytes(of: UInt32(size), as: UInt32.self)
    for offset in size..<max(size, MemoryLayout<vsnd_host_t>.size) {
      bytes.storeBytes(of: 0xA5, toByteOffset: offset, as: UInt8.self)
    }
  }

  deinit { storage.deallocate() }

  private static func of(_ host: UnsafePointer<vsnd_host_t>) -> FakeHost {
    UnsafeRawPointer(host).assumingMemoryBound(to: Table.self).pointee.owner.takeUnretainedValue()
  }
}

/// What set_error() is given.
final class ErrorSink {
  var systemError: Int32 = 0
  var text = ""

  var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }
}
