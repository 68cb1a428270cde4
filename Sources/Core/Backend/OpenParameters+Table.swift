// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI
private import Sound

extension OpenParameters {
  /// Lends these parameters as the C table.
  @unsafe
  func withTable<Result>(_ body: (UnsafePointer<vsnd_params_t>) -> Result) -> Result {
    unsafe label.withCString { label in
      unsafe withCString(device) { device in
        unsafe map.withUnsafeBufferPointer { map in
          // An empty array may have no address, and the header promises one.
          var none: UInt8 = 0
          return unsafe withUnsafePointer(to: &none) { none in
            var table = unsafe vsnd_params_t(
              size: UInt32(MemoryLayout<vsnd_params_t>.size), direction: UInt32(direction.rawValue),
              stream_index: index, format: UInt32(format.rawValue), rate_hz: rate.hertz,
              channels: UInt32(channels), frame_bytes: frameBytes, period_frames: periodFrames,
              buffer_frames: bufferFrames, flags: 0, map: map.baseAddress ?? none, device_id: device,
              label: label)
            return unsafe body(&table)
          }
        }
      }
    }
  }
}
