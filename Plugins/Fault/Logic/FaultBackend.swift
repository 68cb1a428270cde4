// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

/// An instance that counts its calls, and knows when its host is away.
final class FaultBackend: Backend {
  private let hasThread: Bool
  private let lock = Lock()
  private var opens: UInt64 = 0
  private var hangs: UInt64 = 0
  /// CLOCK_MONOTONIC at the first start(), 0 before it.
  private var began: UInt64 = 0
  private var watch: Thread?
  private let wake = eventfd(0, Int32(EFD_CLOEXEC))

  init(_ start: Start, hasThread: Bool) {
    self.hasThread = hasThread
    super.init(start)
  }

  override func prepare() throws(BackendError) { try hang(in: "prepare") }

  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    try hang(in: "query")
    return .everything
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    try hang(in: "open", stream: params.stream)
    let number = try lock.locked { () throws(BackendError) in
      opens += 1
      return opens
    }
    if let code = code(), number > options.uint("after") ?? 0 {
      throw BackendError(code, "open number \(number) fails, as it was told")
    }
    if try outage().contains(monotonicNanoseconds()) {
      throw BackendError(VSND_E_GONE, "the host is away, as it was told")
    }
    return try FaultStream(self, params, feed, hasThread: hasThread)
  }

  override func destroy() {
    watch.take()?.join()
    _ = close(wake)
  }

  /// The first start() begins the time of gone-after and back-after.
  func started() throws(BackendError) {
    try lock.locked { () throws(BackendError) in
      guard began == 0 else { return }
      began = monotonicNanoseconds()
      guard options.duration("gone-after") != nil else { return }
      let this = unsafe Unmanaged.passUnretained(self).toOpaque()
      watch = try unsafe Thread("fault-watch", wake: wake, argument: this) { this in
        guard let this = unsafe this else { return nil }
        // SAFETY: destroy() joins this thread, and the instance lives as long.
        unsafe Unmanaged<FaultBackend>.fromOpaque(this).takeUnretainedValue().tell()
        return nil
      }
    }
  }

  /// When the host is away, in CLOCK_MONOTONIC; empty for never.
  func outage() throws(BackendError) -> Range<UInt64> {
    try lock.locked { () throws(BackendError) in window }
  }

  private var window: Range<UInt64> {
    guard began != 0, let gone = options.duration("gone-after") else { return 0..<0 }
    // For ever is far enough.
    let room = UInt64.max - began
    let first = min(gone, room)
    let last = min(max(options.duration("back-after") ?? room, gone), room)
    return began + first..<began + last
  }

  /// Tells the daemon when the host goes and comes; the body of the thread.
  private func tell() {
    // The starter still holds the lock: what is read here was written before the thread was made.
    let away = window
    guard sleep(until: away.lowerBound) else { return }
    host.notify(VSND_EVENT_LOST, self)
    guard sleep(until: away.upperBound) else { return }
    host.notify(VSND_EVENT_RESTORED, self)
  }

  /// - Returns: false when destroy() came first.
  private func sleep(until time: UInt64) -> Bool {
    while true {
      let now = monotonicNanoseconds()
      guard now < time else { return true }
      var entry = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      let left = Int32(clamping: (time - now) / 1_000_000 + 1)
      guard unsafe poll(&entry, 1, left) <= 0 else { return false }
    }
  }

  /// Does not return for a while, if the options say so.
  func hang(in call: StaticString, stream: UInt32? = nil) throws(BackendError) {
    guard hangs(in: call, stream: stream) else { return }
    let first = try lock.locked { () throws(BackendError) in
      hangs += 1
      return hangs <= options.uint("hang-times") ?? 1
    }
    if first { sleepFor(options.duration("hang-for") ?? 0) }
  }

  /// Whether a call for a stream is one that hangs.
  func hangs(in call: StaticString, stream: UInt32?) -> Bool {
    guard options.chosen("hang-in", call) else { return false }
    guard let wanted = options.uint("hang-stream"), let stream else { return true }
    return wanted == UInt64(stream)
  }

  private func code() -> Int32? {
    guard let name = options.text("fail-open") else { return nil }
    if name.is("busy") { return VSND_E_BUSY }
    if name.is("gone") { return VSND_E_GONE }
    if name.is("denied") { return VSND_E_DENIED }
    if name.is("timeout") { return VSND_E_TIMEOUT }
    if name.is("unsupported") { return VSND_E_UNSUPPORTED }
    if name.is("nomem") { return VSND_E_NOMEM }
    return VSND_E_IO
  }
}

/// Sleeps, whatever signals come.
@_noAllocation @_noLocks
func sleepFor(_ nanoseconds: UInt64) {
  let until = monotonicNanoseconds() &+ nanoseconds
  var time = timespec(tv_sec: Int(until / 1_000_000_000), tv_nsec: Int(until % 1_000_000_000))
  while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
}
