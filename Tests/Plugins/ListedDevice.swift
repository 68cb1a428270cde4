// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// A row of vsnd.devices/1.
struct ListedDevice: Equatable {
  let id: String
  let title: String
  let isDefault: Bool
}

extension Instance {
  /// The devices of one direction; none where a backend has no such extension.
  func listed(_ direction: UInt32) throws -> [ListedDevice] {
    guard let table = plugin.ops.extension?(handle, VSND_EXT_DEVICES) else { return [] }
    final class Sink { var rows: [ListedDevice] = [] }
    let sink = Sink()
    let enumerate = try present(table.assumingMemoryBound(to: vsnd_devices_t.self).pointee.enumerate)
    try check { error in
      enumerate(
        handle, direction,
        { sink, device in
          let list = Unmanaged<Sink>.fromOpaque(UnsafeRawPointer(sink)).takeUnretainedValue()
          list.rows.append(
            ListedDevice(
              id: device.pointee.id.map { String(cString: $0) } ?? "?",
              title: device.pointee.title.map { String(cString: $0) } ?? "?",
              isDefault: device.pointee.flags & VSND_DEVICE_DEFAULT != 0))
        }, OpaquePointer(Unmanaged.passUnretained(sink).toOpaque()), error)
    }
    return withExtendedLifetime(sink) { sink.rows }
  }
}
