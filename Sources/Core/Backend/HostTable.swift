// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Logging
internal import PluginABI
private import Sound

/// The services that the daemon offers to one backend, as the C table, and what they work on.
///
/// Made once for each backend and never freed: backends keep the pointer, also in threads that outlive
/// their instances.
@safe
struct HostTable: Sendable {
  /// The table comes first, so that the pointer to it leads to the context.
  @unsafe
  private struct Record {
    var table: vsnd_host_t
    let context: HostContext
  }

  nonisolated(unsafe) private let record: UnsafeMutablePointer<Record>

  init(for name: String, logger: Logger) {
    unsafe record = .allocate(capacity: 1)
    unsafe record.initialize(
      to: Record(table: Self.template, context: HostContext(name: name, logger: logger)))
  }

  /// What is handed to create().
  var table: UnsafePointer<vsnd_host_t> {
    unsafe UnsafeRawPointer(record).assumingMemoryBound(to: vsnd_host_t.self)
  }

  var context: HostContext { unsafe record.pointee.context }

  private static func context(of host: UnsafePointer<vsnd_host_t>) -> HostContext {
    // SAFETY: every table that a backend has is the first field of a record.
    unsafe UnsafeRawPointer(host).assumingMemoryBound(to: Record.self).pointee.context
  }

  private static var template: vsnd_host_t {
    var table = unsafe vsnd_host_t()
    unsafe table.size = UInt32(MemoryLayout<vsnd_host_t>.size)
    unsafe table.abi_minor = VSND_ABI_MINOR
    unsafe table.name = Self.constant("vhost-device-sound")
    unsafe table.version = Self.constant(Release.version)
    unsafe table.log = { host, level, text in
      unsafe HostTable.context(of: host).log(level, borrowedText(text, limit: 1024) ?? "")
    }
    unsafe table.set_error = { record, osError, text in
      unsafe UnsafeMutablePointer<ErrorRecord>(record).pointee.set(osError, borrowedText(text) ?? "")
    }
    unsafe table.notify = { host, instance, event in
      guard let copy = unsafe localCopy(UnsafeRawPointer(event), floor: 8, zero: vsnd_event_t()),
        let kind = BackendEvent(rawValue: copy.kind)
      else { return }
      let address = unsafe instance.map { UInt(bitPattern: $0) } ?? 0
      unsafe HostTable.context(of: host).notify(address, kind)
    }
    unsafe table.acquire = { feed, frames, spans, capacity in
      unsafe AudioCalls.acquire(feed, frames, spans, capacity)
    }
    unsafe table.commit = { feed, frames, timing in unsafe AudioCalls.commit(feed, frames, timing) }
    unsafe table.xrun = { feed, lost in unsafe AudioCalls.xrun(feed, lost) }
    unsafe table.failed = { feed, code in unsafe AudioCalls.failed(feed, code) }
    return unsafe table
  }

  /// A text for good, at an address of its own.
  @unsafe
  private static func constant(_ text: String) -> UnsafePointer<CChar> {
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
    for (index, byte) in text.utf8.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
    unsafe copy[text.utf8.count] = 0
    return unsafe UnsafePointer(copy)
  }
}

/// What set_error() fills during one call of a backend.
struct ErrorRecord {
  private(set) var osError: Int32 = 0
  private(set) var text = ""

  mutating func set(_ osError: Int32, _ text: String) {
    self.osError = osError
    self.text = text
  }
}
