// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend
import Platform
import PluginABI
import Sound

/// Whose create() comes next: the call has no place for a context.
private let creating = Locked<ScriptedBackend?>(nil)

extension ScriptedBackend {
  /// Reads the tables and calls create().
  package func makeInstance(log: RecordingLog = RecordingLog()) throws -> Instance {
    let plugin = try Plugin(table: plugin, logger: log.logger)
    return try Self.order.withLock { _ in
      creating.withLock { $0 = self }
      return try Instance(of: plugin)
    }
  }

  private static let order = Locked(())

  /// Emits what ``answer(devices:)`` was told.
  private nonisolated(unsafe) static let devices: UnsafeMutablePointer<vsnd_devices_t> = {
    let family = UnsafeMutablePointer<vsnd_devices_t>.allocate(capacity: 1)
    family.initialize(to: vsnd_devices_t())
    family.pointee.size = UInt32(MemoryLayout<vsnd_devices_t>.size)
    family.pointee.enumerate = { instance, direction, emit, sink, _ in
      for device in scripted(instance).state.withLock({ $0.devices })
      where UInt32(device.direction.rawValue) == direction {
        let flags =
          (device.isDefault ? VSND_DEVICE_DEFAULT : 0) | (device.isPresent ? VSND_DEVICE_PRESENT : 0)
        device.id.withCString { id in
          device.title.withCString { title in
            var entry = vsnd_device_t(
              size: UInt32(MemoryLayout<vsnd_device_t>.size), direction: direction,
              flags: flags,
              reserved: 0, id: id, title: title)
            emit(sink, &entry)
          }
        }
      }
      return VSND_OK
    }
    return family
  }()

  static var table: vsnd_backend_ops_t {
    var ops = vsnd_backend_ops_t()
    ops.size = UInt32(MemoryLayout<vsnd_backend_ops_t>.size)
    ops.create = { host, out, error in
      guard let backend = creating.withLock({ $0 }) else { return VSND_E_IO }
      backend.host = host
      backend.note("create")
      let code = backend.act(.create, error)
      if code == VSND_OK { out.pointee = OpaquePointer(Unmanaged.passRetained(backend).toOpaque()) }
      return code
    }
    ops.set_option = { instance, key, value, error in
      scripted(instance).note("set \(String(cString: key))=\(String(cString: value))")
      return scripted(instance).act(.setOption, error)
    }
    ops.prepare = { instance, error in
      scripted(instance).note("prepare")
      return scripted(instance).act(.prepare, error)
    }
    ops.query = { instance, device, direction, caps, error in
      let backend = scripted(instance)
      backend.note("query \(direction) \(device.map { String(cString: $0) } ?? "default")")
      let code = backend.act(.query, error)
      let size = caps.pointee.size
      caps.pointee = backend.state.withLock { $0.caps }
      caps.pointee.size = size
      return code
    }
    ops.open = { instance, params, feed, out, info, error in
      let backend = scripted(instance)
      backend.note("open \(params.pointee.stream_index)")
      let code = backend.act(.open, error)
      if code != VSND_OK { return code }
      let stream = ScriptedStream(backend, index: params.pointee.stream_index, feed: feed)
      info.pointee.wake_fd = backend.state.withLock { state in
        state.streams.append(stream)
        return state.wake
      }
      out.pointee = OpaquePointer(Unmanaged.passRetained(stream).toOpaque())
      return VSND_OK
    }
    ops.start = { handle, error in
      let stream = scriptedStream(handle)
      stream.backend.note("start \(stream.index)")
      let code = stream.backend.act(.start, error)
      if code == VSND_OK { stream.run(true) }
      return code
    }
    ops.process = { handle, tick in
      let stream = scriptedStream(handle)
      let due = tick.pointee.due_frames
      stream.backend.state.withLock { $0.processed.append(due) }
      _ = stream.backend.act(.process, nil)
      stream.move(due)
    }
    ops.stop = { handle, how in
      let stream = scriptedStream(handle)
      stream.backend.note("stop \(stream.index) \(["hold", "drain", "discard"][Int(how)])")
      _ = stream.backend.act(.stop, nil)
      stream.run(false)
    }
    ops.close = { handle in
      let stream = scriptedStream(handle)
      stream.backend.note("close \(stream.index)")
      _ = stream.backend.act(.close, nil)
      stream.backend.state.withLock { state in state.streams.removeAll { $0 === stream } }
      Unmanaged<ScriptedStream>.fromOpaque(UnsafeRawPointer(handle)).release()
    }
    ops.destroy = { instance in
      scripted(instance).note("destroy")
      _ = scripted(instance).act(.destroy, nil)
      Unmanaged<ScriptedBackend>.fromOpaque(UnsafeRawPointer(instance)).release()
    }
    ops.extension = { _, id in
      String(cString: id) == VSND_EXT_DEVICES ? UnsafeRawPointer(ScriptedBackend.devices) : nil
    }
    return ops
  }
}

private func scripted(_ instance: OpaquePointer) -> ScriptedBackend {
  Unmanaged<ScriptedBackend>.fromOpaque(UnsafeRawPointer(instance)).takeUnretainedValue()
}

private func scriptedStream(_ stream: OpaquePointer) -> ScriptedStream {
  Unmanaged<ScriptedStream>.fromOpaque(UnsafeRawPointer(stream)).takeUnretainedValue()
}

extension ScriptedBackend {
  /// As the backend: an event to everybody.
  package func notify(_ kind: UInt32) {
    var event = vsnd_event_t(size: 8, kind: kind)
    if let host { host.pointee.notify?(host, nil, &event) }
  }

  /// As the backend: a line for the log.
  package func log(_ level: UInt32, _ text: String) {
    if let host { host.pointee.log?(host, level, text) }
  }
}
