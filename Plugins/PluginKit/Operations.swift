// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

// The C functions of a backend. Each finds its object and turns a thrown error into a code. The handles of
// the header are the objects themselves: retained by create() and open(), released by destroy() and close().

func operations(create: @escaping Create) -> vsnd_backend_ops_t {
  unsafe vsnd_backend_ops_t(
    size: UInt32(MemoryLayout<vsnd_backend_ops_t>.size), reserved: 0, create: create,
    set_option: { instance, key, value, error in
      unsafe attempt(backend(instance).host, error) { () throws(BackendError) in
        try unsafe backend(instance).options.set(Text(cString: key), Text(cString: value))
      }
    },
    prepare: { instance, error in
      unsafe attempt(backend(instance).host, error) { () throws(BackendError) in
        try unsafe backend(instance).prepare()
      }
    },
    query: { instance, device, direction, caps, error in
      unsafe attempt(backend(instance).host, error) { () throws(BackendError) in
        let name = unsafe device.map { unsafe Text(cString: $0) }
        guard let direction = Direction(rawValue: direction) else {
          throw BackendError(VSND_E_INVALID, "there is no direction \(direction)")
        }
        let backend = unsafe backend(instance)
        let table = try unsafe backend.capabilities(name, direction).table(backend.queriedMap)
        unsafe fill(caps, from: table)
      }
    },
    open: { instance, params, feed, out, info, error in
      unsafe attempt(backend(instance).host, error) { () throws(BackendError) in
        let backend = unsafe backend(instance)
        let params = try unsafe Parameters(params)
        let feed = unsafe Feed(
          handle: feed, host: backend.host, format: params.format, frameBytes: params.frameBytes)
        let stream = try backend.open(params, feed)
        stream.host = backend.host
        unsafe describe(stream.info, params, in: info)
        unsafe out.pointee = OpaquePointer(Unmanaged.passRetained(stream).toOpaque())
      }
    },
    start: { handle, error in
      let stream = unsafe stream(handle)
      return unsafe attempt(stream.host, error) { () throws(BackendError) in try stream.start() }
    },
    process: { handle, tick in
      // No retain and no release in an audio context: the daemon holds the stream while it calls.
      unsafe Unmanaged<Stream>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef {
        $0.process(unsafe Tick(tick))
      }
    },
    stop: { handle, how in unsafe stream(handle).stop(StopMode(rawValue: how) ?? .discard) },
    close: { handle in
      unsafe stream(handle).close()
      unsafe Unmanaged<Stream>.fromOpaque(UnsafeRawPointer(handle)).release()
    },
    destroy: { instance in
      unsafe backend(instance).destroy()
      unsafe Unmanaged<Backend>.fromOpaque(UnsafeRawPointer(instance)).release()
    },
    extension: { instance, id in
      guard unsafe backend(instance).listsDevices, unsafe Text(cString: id).is("vsnd.devices/1") else {
        return nil
      }
      return unsafe UnsafeRawPointer(devicesTable)
    })
}

/// The extension vsnd.devices/1; the same for all instances.
private nonisolated(unsafe) let devicesTable: UnsafePointer<vsnd_devices_t> = {
  let table = UnsafeMutablePointer<vsnd_devices_t>.allocate(capacity: 1)
  unsafe table.initialize(
    to: vsnd_devices_t(
      size: UInt32(MemoryLayout<vsnd_devices_t>.size), reserved: 0,
      enumerate: { instance, direction, emit, sink, error in
        unsafe attempt(backend(instance).host, error) { () throws(BackendError) in
          guard let direction = Direction(rawValue: direction) else {
            throw BackendError(VSND_E_INVALID, "there is no direction \(direction)")
          }
          try unsafe backend(instance).devices(direction) { device in
            unsafe device.id.withCString { id in
              unsafe device.title.withCString { title in
                var row = unsafe vsnd_device_t(
                  size: UInt32(MemoryLayout<vsnd_device_t>.size), direction: direction.rawValue,
                  flags: device.flags, reserved: 0, id: id, title: title)
                unsafe emit(sink, &row)
              }
            }
          }
        }
      }))
  return unsafe UnsafePointer(table)
}()

private func backend(_ handle: OpaquePointer) -> Backend {
  unsafe Unmanaged<Backend>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

private func stream(_ handle: OpaquePointer) -> Stream {
  unsafe Unmanaged<Stream>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Runs `body`; a thrown error becomes its code, and its words go to the daemon.
private func attempt(
  _ host: Host?, _ error: OpaquePointer, _ body: () throws(BackendError) -> Void
) -> Int32 {
  do throws(BackendError) {
    try body()
    return VSND_OK
  } catch let failure { return unsafe host?.report(failure, to: error) ?? failure.code }
}

/// Tells the daemon what the device really does; what the stream left open is as asked.
private func describe(
  _ info: StreamInfo, _ params: Parameters, in target: UnsafeMutablePointer<vsnd_stream_info_t>
) {
  unsafe fill(
    target,
    from: vsnd_stream_info_t(
      size: 0, wake_fd: info.wake ?? -1, period_frames: info.periodFrames ?? params.periodFrames,
      buffer_frames: info.bufferFrames ?? params.bufferFrames, delay_frames: info.delayFrames ?? Int64.min))
}
