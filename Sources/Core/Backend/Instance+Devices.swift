// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import PluginABI
package import Sound

/// A device of the host, as `vsnd.devices/1` lists it.
package struct HostDevice: Equatable, Sendable {
  package var direction: StreamDirection
  /// What `device=` of a stream takes.
  package var id: String
  package var title: String
  package var isDefault: Bool
  package var isPresent: Bool

  package init(direction: StreamDirection, id: String, title: String, isDefault: Bool, isPresent: Bool) {
    self.direction = direction
    self.id = id
    self.title = title
    self.isDefault = isDefault
    self.isPresent = isPresent
  }
}

extension Instance {
  /// Whether the backend can list devices.
  package var listsDevices: Bool { unsafe table(of: VSND_EXT_DEVICES) != nil }

  /// Lists the devices of one direction; empty for a backend that cannot.
  package func devices(_ direction: StreamDirection) throws(BackendError) -> [HostDevice] {
    guard let foreign = unsafe table(of: VSND_EXT_DEVICES),
      let family = unsafe localCopy(foreign, floor: TableFloor.devices, zero: vsnd_devices_t()),
      let enumerate = unsafe family.enumerate
    else { return [] }
    var sink = DeviceSink()
    try unsafe Self.check { error in
      unsafe withUnsafeMutablePointer(to: &sink) { sink in
        unsafe enumerate(
          address, UInt32(direction.rawValue),
          { sink, device in unsafe UnsafeMutablePointer<DeviceSink>(sink).pointee.take(device) },
          OpaquePointer(sink), error)
      }
    }
    return sink.devices.filter { $0.direction == direction }
  }
}

/// Collects what enumerate() emits, up to a bound.
private struct DeviceSink {
  private(set) var devices: [HostDevice] = []

  @unsafe
  mutating func take(_ device: UnsafePointer<vsnd_device_t>) {
    guard devices.count < 1024,
      let copy = unsafe localCopy(
        UnsafeRawPointer(device), floor: TableFloor.device, zero: vsnd_device_t()),
      let direction = StreamDirection(rawValue: UInt8(truncatingIfNeeded: unsafe copy.direction)),
      let id = unsafe borrowedText(copy.id), !id.isEmpty
    else { return }
    devices.append(
      HostDevice(
        direction: direction, id: id, title: unsafe borrowedText(copy.title) ?? "",
        isDefault: unsafe copy.flags & VSND_DEVICE_DEFAULT != 0,
        isPresent: unsafe copy.flags & VSND_DEVICE_PRESENT != 0))
  }
}
