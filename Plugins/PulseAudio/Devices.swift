// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPulse
import PluginABI
import PluginKit

/// The sinks and sources of the server, and which are the defaults; under the lock of the loop.
@safe
final class Devices {
  private struct Entry {
    let name: Text
    let title: Text
  }

  private var sinks: [Entry] = []
  private var sources: [Entry] = []
  private var defaultSink: Text?
  private var defaultSource: Text?
  /// Collected while a list is told.
  private var newSinks: [Entry] = []
  private var newSources: [Entry] = []
  private var context: OpaquePointer?
  private let backend: PulseBackend
  /// Answers that are still to come.
  private var awaited = 0

  init(_ backend: PulseBackend) { self.backend = backend }

  /// The server has told all that it was asked.
  var isKnown: Bool { awaited == 0 && defaultSink != nil }

  /// The devices of one direction.
  func list(_ direction: Direction) -> [Device] {
    let preferred = direction == .playback ? defaultSink : defaultSource
    var devices: [Device] = []
    for entry in direction == .playback ? sinks : sources {
      let isDefault = entry.name == preferred
      devices.append(
        Device(
          id: entry.name, title: entry.title,
          flags: VSND_DEVICE_PRESENT | (isDefault ? VSND_DEVICE_DEFAULT : 0)))
    }
    return devices
  }

  /// Asks for everything, now and whenever it changes.
  @unsafe
  func follow(_ context: OpaquePointer) {
    unsafe self.context = context
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe pa_context_set_subscribe_callback(context, { _, _, _, data in unsafe devices(data)?.ask() }, this)
    let mask = pa_subscription_mask_t(
      rawValue: PA_SUBSCRIPTION_MASK_SINK.rawValue | PA_SUBSCRIPTION_MASK_SOURCE.rawValue
        | PA_SUBSCRIPTION_MASK_SERVER.rawValue)
    unsafe drop(pa_context_subscribe(context, mask, nil, nil))
    ask()
  }

  func forget() {
    unsafe context = nil
    sinks = []
    sources = []
    defaultSink = nil
    defaultSource = nil
    awaited = 0
  }

  /// Asks once at a time; a change in between is asked for by its own event.
  private func ask() {
    guard let context = unsafe context, awaited == 0 else { return }
    awaited = 3
    newSinks = []
    newSources = []
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe drop(
      pa_context_get_server_info(
        context,
        { _, info, data in
          guard let devices = unsafe devices(data) else { return }
          if let info = unsafe info {
            unsafe devices.defaultSink = info.pointee.default_sink_name.map { unsafe Text(cString: $0) }
            unsafe devices.defaultSource = info.pointee.default_source_name.map { unsafe Text(cString: $0) }
          }
          devices.answered()
        }, this))
    unsafe drop(
      pa_context_get_sink_info_list(
        context,
        { _, info, end, data in
          guard let devices = unsafe devices(data) else { return }
          if end != 0 { return devices.answered() }
          if let info = unsafe info,
            let entry = unsafe Devices.entry(info.pointee.name, info.pointee.description)
          {
            devices.newSinks.append(entry)
          }
        }, this))
    unsafe drop(
      pa_context_get_source_info_list(
        context,
        { _, info, end, data in
          guard let devices = unsafe devices(data) else { return }
          if end != 0 { return devices.answered() }
          if let info = unsafe info,
            let entry = unsafe Devices.entry(info.pointee.name, info.pointee.description)
          {
            devices.newSources.append(entry)
          }
        }, this))
  }

  private static func entry(_ name: UnsafePointer<CChar>?, _ title: UnsafePointer<CChar>?) -> Entry? {
    guard let name = unsafe name else { return nil }
    return unsafe Entry(name: Text(cString: name), title: Text(cString: title ?? name))
  }

  private func answered() {
    awaited -= 1
    guard awaited == 0 else { return }
    sinks = newSinks
    sources = newSources
    backend.host.notify(VSND_EVENT_DEVICES, backend)
  }

  private func drop(_ operation: OpaquePointer?) {
    if let operation = unsafe operation { unsafe pa_operation_unref(operation) }
  }
}

private func devices(_ data: UnsafeMutableRawPointer?) -> Devices? {
  // SAFETY: the context that calls ends before the devices go.
  unsafe data.map { unsafe Unmanaged<Devices>.fromOpaque($0).takeUnretainedValue() }
}
