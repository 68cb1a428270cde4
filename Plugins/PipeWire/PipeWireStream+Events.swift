// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire

// The events of a pw_stream, in tables that live as long as the library.

nonisolated(unsafe) let playbackEvents = unsafe events { state in
  unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.process(isCapture: false)
}

nonisolated(unsafe) let captureEvents = unsafe events { state in
  unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.process(isCapture: true)
}

let playbackTick: @convention(c) (UnsafeMutablePointer<spa_source>?) -> Void = { source in
  unsafe source?.pointee.data?.assumingMemoryBound(to: AudioState.self).pointee.tick(isCapture: false)
}

let captureTick: @convention(c) (UnsafeMutablePointer<spa_source>?) -> Void = { source in
  unsafe source?.pointee.data?.assumingMemoryBound(to: AudioState.self).pointee.tick(isCapture: true)
}

private func events(
  _ process: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
) -> UnsafePointer<pw_stream_events> {
  var events = pw_stream_events()
  events.version = UInt32(PW_VERSION_STREAM_EVENTS)
  unsafe events.process = process
  unsafe events.state_changed = { state, _, now, error in
    guard let owner = unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.owner else { return }
    // SAFETY: the stream detaches before it goes.
    unsafe Unmanaged<PipeWireStream>.fromOpaque(owner).takeUnretainedValue().changed(now, error)
  }
  unsafe events.io_changed = { state, kind, area, size in
    guard kind == SPA_IO_Position.rawValue,
      let owner = unsafe state?.assumingMemoryBound(to: AudioState.self).pointee.owner
    else { return }
    let isWhole = Int(size) >= MemoryLayout<spa_io_position>.size
    // SAFETY: as above.
    unsafe Unmanaged<PipeWireStream>.fromOpaque(owner).takeUnretainedValue()
      .driven(by: isWhole ? area?.assumingMemoryBound(to: spa_io_position.self) : nil)
  }
  let table = UnsafeMutablePointer<pw_stream_events>.allocate(capacity: 1)
  unsafe table.initialize(to: events)
  return unsafe UnsafePointer(table)
}
