// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import Logging
private import Platform
private import PluginABI

/// Something that happened in the sound server, told by a backend from any of its threads.
package enum BackendEvent: UInt32, Sendable {
  /// The list of devices changed.
  case devicesChanged = 1
  /// The server is gone.
  case lost = 2
  /// The server is back.
  case restored = 3
}

/// What the host table of one backend needs to do its work.
final class HostContext: Sendable {
  private struct State {
    var limit = LineLimit(earning: 500_000_000)
    var listeners: [UInt: @Sendable (BackendEvent) -> Void] = [:]
  }

  private let name: String
  private let logger: Logger
  private let state = Locked(State())

  init(name: String, logger: Logger) {
    self.name = name
    self.logger = logger
  }

  /// Writes a line of the backend, unless it writes too many.
  func log(_ level: UInt32, _ text: String) {
    let now = MonotonicClock.now
    guard let dropped = state.withLock({ $0.limit.admit(at: now) }) else { return }
    let note = dropped == 0 ? "" : " (\(dropped) lines before this one were left out)"
    let line: Logger.Message = "\(name): \(text)\(note)"
    switch level {
    case VSND_LOG_ERROR: logger.error(line)
    case VSND_LOG_WARNING: logger.warning(line)
    case VSND_LOG_INFO: logger.info(line)
    default: logger.debug(line)
    }
  }

  /// Lets `listener` hear the events of the instance at `address`; nil ends that.
  func listen(to address: UInt, _ listener: (@Sendable (BackendEvent) -> Void)?) {
    state.withLock { $0.listeners[address] = listener }
  }

  /// Passes an event on: to the instance at `address`, or to all when it is 0.
  func notify(_ address: UInt, _ event: BackendEvent) {
    let called = state.withLock { state in
      address == 0 ? Array(state.listeners.values) : [state.listeners[address]].compactMap { $0 }
    }
    for listener in called { listener(event) }
  }
}
