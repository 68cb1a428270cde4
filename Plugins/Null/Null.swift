// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Swallows what guests play and lets them record silence, at the rate of the daemon's clock.

public import PluginABI
import PluginKit

private let null = Plugin(
  name: "null", summary: "no sound: playback is swallowed, capture is silence",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_NONBLOCKING | VSND_CAP_MULTI
    | VSND_CAP_PARALLEL)

private nonisolated(unsafe) let table = unsafe null.table { host, out, error in
  unsafe null.create(host, out, error) { start in NullBackend(start) }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }

final class NullBackend: Backend {
  override var listsDevices: Bool { true }

  override func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {
    emit(
      Device(
        id: "null", title: direction == .playback ? "Nowhere" : "Silence",
        flags: VSND_DEVICE_DEFAULT | VSND_DEVICE_PRESENT))
  }

  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    if let device, device != "null" {
      throw BackendError(VSND_E_UNSUPPORTED, "there is no device \(device), only null")
    }
    return .everything
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    try capabilities(params.device, params.direction).check(params)
    return NullStream(params.direction, feed)
  }
}

final class NullStream: Stream {
  private let feed: Feed
  private let fills: Bool

  init(_ direction: Direction, _ feed: consuming Feed) {
    self.feed = feed
    fills = direction == .capture
    super.init()
    info.delayFrames = 0
  }

  @_noAllocation @_noLocks
  override func process(_ tick: Tick) {
    if fills {
      feed.recordSilence(tick.dueFrames)
    } else {
      feed.swallow(tick.dueFrames)
    }
  }
}
