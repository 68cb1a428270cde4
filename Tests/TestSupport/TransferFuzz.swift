// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import Sound
import Synchronization
import Virtqueue

/// Drives a tx or rx queue with steps made from `bytes`, beside a model of what must come of them.
///
/// As long as the guest keeps to the rules, everything is checked: each frame is heard or recorded once and
/// in order, each buffer comes back once, at its time and with its length, over RELEASE, stops of the ring and
/// changes of the memory table. From the first step that writes garbage into the ring on, it must merely live.
///
/// - Returns: a sentence on what went wrong, nil for nothing.
package func fuzzTransfer(_ bytes: UnsafeRawBufferPointer) -> String? {
  do {
    let run = try TransferFuzz(Array(bytes))
    return try run.play()
  } catch {
    return nil
  }
}

private final class TransferFuzz {
  /// A buffer of the guest's, in flight.
  private struct Buffer {
    let message: GuestRing.Message
    let cut: GuestRing.Cut
    /// Bytes of whole frames.
    let room: Int
    /// Playback: bytes not heard yet.
    var left: Int
    /// Capture: what was recorded so far.
    var recorded: [UInt8] = []
    /// RELEASE returns it, however far it is.
    var isFlushed = false
  }

  /// What the model knows of a stream.
  private struct Stream {
    var buffers: [Buffer] = []
    /// Playback: bytes that must be heard next, also of buffers that are back already.
    var toHear: [UInt8] = []
    var isPrepared = true
    var isHeld = false
    var spoken = 0
  }

  private var input: FuzzBytes
  private let bench: TransferBench
  private let isCapture: Bool
  private var streams: [Stream]
  private var refused: [UInt32: UInt32] = [:]
  private var memory: GuestMemory
  private var isWild = false
  private var played = 0
  private let silence: [UInt8] = [0x5A]

  init(_ bytes: [UInt8]) throws {
    input = FuzzBytes(bytes)
    let first = input.next()
    isCapture = first & 1 != 0
    let count = 1 + Int(first >> 1 & 3)
    let start = [UInt16(0), 65_530, 32_760, 7][Int(first >> 3 & 3)]
    bench = try TransferBench(
      isCapture: isCapture, streams: count, size: 1 << Int(input.next() % 8), start: start, frameBytes: nil)
    memory = bench.guest.memory
    streams = Array(repeating: Stream(), count: count)
    for stream in 0..<count { prepare(stream) }
  }

  func play() throws -> String? {
    while !input.isAtEnd {
      try step()
      if !isWild, let wrong = check() { return wrong }
    }
    for stream in streams.indices { release(stream) }
    if !isWild {
      if let wrong = check() { return wrong }
      if streams.contains(where: { !$0.buffers.isEmpty }) { return "a buffer did not come back" }
    }
    return nil
  }

  // MARK: Steps

  private func step() throws {
    let stream = Int(input.next()) % streams.count
    switch input.next() % 32 {
    case 0..<9: for _ in 0...(input.next() % 4) { add(stream) }
    case 9..<18: move(stream)
    case 18: bench.queue.pointee.service()
    case 19, 20: try restart()
    case 21: try remap()
    case 22:
      release(stream)
      if input.next() & 3 != 0 { prepare(stream) }
    case 23: if !streams[stream].isPrepared { prepare(stream) }
    case 24, 25: hold(stream)
    case 26: skip(stream)
    case 27: addRefused()
    case 28: addMalformed()
    case 29: bench.queue.pointee.wantsKicks.store(input.next() & 1 != 0, ordering: .relaxed)
    case 30: bench.ring.setUsedEvent(UInt16(input.next()) << 8 | UInt16(input.next()))
    default: if input.next() > 250 { writeGarbage() }
    }
  }

  private func prepare(_ stream: Int) {
    streams[stream].isPrepared = true
    streams[stream].isHeld = false
    let widths = [1, 2, 3, 4, 6, 8, 12, 24, 144]
    bench.prepare(
      stream, frameBytes: widths[Int(input.next()) % widths.count], silentSample: silence,
      bounceFrames: isCapture && input.next() & 3 == 0 ? 16 : 0)
  }

  private func cut() -> GuestRing.Cut {
    let byte = input.next()
    return switch byte & 3 {
    case 0: .fields
    case 1: .parts
    default: .pieces([Int(byte >> 2) + 1, Int(input.next() & 31) + 1], gap: Int(byte >> 2 & 1))
    }
  }

  private func add(_ stream: Int) {
    let width = bench.frameBytes[stream]
    let count = Int(input.next() % 24) * width + Int(input.next()) % width * Int(input.next() & 1)
    let cut = cut()
    guard bench.ring.room > 0 else { return }
    let id = UInt32(stream)
    let room = streams[stream].isPrepared ? count - count % width : 0
    let message: GuestRing.Message
    if isCapture {
      message = bench.ring.record(count, stream: id, cut: cut, as: .indirect)
    } else {
      let data = [UInt8].pattern(count, from: played)
      played += count
      message = bench.ring.play(data, stream: id, cut: cut, as: .indirect)
      if streams[stream].isPrepared { streams[stream].toHear += data.prefix(room) }
    }
    bench.ring.publish()
    if streams[stream].isPrepared {
      streams[stream].buffers.append(
        Buffer(message: message, cut: cut, room: room, left: isCapture ? 0 : room))
    } else {
      refused[UInt32(message.head)] = 8
      bench.queue.pointee.service()
    }
  }

  /// The audio context plays or records.
  private func move(_ stream: Int) {
    let (frames, most) = (Int(input.next() % 64), Int(input.next() % 64))
    let capacity = Int(input.next() % 70)
    let width = bench.frameBytes[stream]
    if isCapture {
      let bytes = [UInt8].pattern(frames * width, from: streams[stream].spoken)
      let count = bench.speak(bytes, stream: stream, most: most, capacity: capacity)
      streams[stream].spoken += count
      recorded(Array(bytes.prefix(count)), stream)
    } else {
      heard(bench.hear(frames, stream: stream, most: most, capacity: capacity), stream)
    }
  }

  private var mismatch: String?

  private func heard(_ bytes: [UInt8], _ stream: Int) {
    if bytes != Array(streams[stream].toHear.prefix(bytes.count)) {
      mismatch = "stream \(stream) plays wrong frames"
    }
    advance(bytes.count, stream)
  }

  /// Playback: `count` bytes are consumed.
  private func advance(_ count: Int, _ stream: Int) {
    if count > streams[stream].toHear.count { mismatch = "stream \(stream) plays more than it was given" }
    // What was saved at a stop comes first, and its buffers are back.
    let inFlight = streams[stream].buffers.reduce(0) { $0 + $1.left }
    var rest = count - min(count, max(0, streams[stream].toHear.count - inFlight))
    streams[stream].toHear.removeFirst(min(count, streams[stream].toHear.count))
    for index in streams[stream].buffers.indices {
      let here = min(rest, streams[stream].buffers[index].left)
      streams[stream].buffers[index].left -= here
      rest -= here
    }
  }

  /// Capture: `bytes` went into the guest's buffers.
  private func recorded(_ bytes: [UInt8], _ stream: Int) {
    var rest = bytes[...]
    for index in streams[stream].buffers.indices {
      let buffer = streams[stream].buffers[index]
      let part = rest.prefix(buffer.room - buffer.recorded.count)
      streams[stream].buffers[index].recorded += part
      rest = rest.dropFirst(part.count)
    }
    if !rest.isEmpty { mismatch = "stream \(stream) records more than there is room for" }
  }

  private func hold(_ stream: Int) {
    guard streams[stream].isPrepared else { return }
    streams[stream].isHeld.toggle()
    if streams[stream].isHeld {
      bench.feeds[stream].pointee.hold()
    } else {
      bench.feeds[stream].pointee.unhold()
    }
  }

  private func skip(_ stream: Int) {
    bench.feeds[stream].pointee.give(to: .clock)
    let frames = Int(bench.feeds[stream].pointee.skip(UInt32(input.next())))
    bench.feeds[stream].pointee.give(to: .backend)
    let count = frames * bench.frameBytes[stream]
    if isCapture {
      recorded(Array(repeating: silence[0], count: count), stream)
    } else {
      advance(count, stream)
    }
  }

  private func release(_ stream: Int) {
    bench.release(stream)
    streams[stream].isPrepared = false
    for index in streams[stream].buffers.indices {
      streams[stream].buffers[index].isFlushed = true
    }
    streams[stream].toHear = []
  }

  private func restart() throws {
    for feed in bench.feeds { feed.pointee.hold() }
    let base = bench.queue.pointee.suspend()
    if base != bench.ring.usedIndex, !isWild { mismatch = "base \(base) is not the used index" }
    // Whatever comes back now without being through was saved, or filled with silence.
    stopped = true
    if !isWild, let wrong = check() { mismatch = wrong }
    stopped = false
    if input.next() & 1 != 0 { memory = try bench.guest.remapped() }
    try bench.queue.pointee.start(bench.ring.layout(), base: base, memory: memory)
    for stream in streams.indices where streams[stream].isPrepared && !streams[stream].isHeld {
      bench.feeds[stream].pointee.unhold()
    }
    bench.queue.pointee.service()
  }
  private var stopped = false

  private func remap() throws {
    for feed in bench.feeds { feed.pointee.hold() }
    let new = try bench.guest.remapped()
    if input.next() & 1 != 0 { bench.queue.pointee.move(to: .empty) }
    bench.queue.pointee.move(to: new)
    memory = new
    for stream in streams.indices where streams[stream].isPrepared && !streams[stream].isHeld {
      bench.feeds[stream].pointee.unhold()
    }
  }

  // MARK: Wrong messages

  private func addRefused() {
    guard bench.ring.room > 0 else { return }
    let id = UInt32(streams.count) + UInt32(input.next()) << UInt32(input.next() % 24)
    let message = bench.ring.send([.little(id), []], [.init(repeating: 0, count: 8)], as: .indirect)
    refused[UInt32(message.head)] = 8
    bench.ring.publish()
    bench.queue.pointee.service()
  }

  private func addMalformed() {
    guard bench.ring.room > 0 else { return }
    let data = bench.guest.allocate(16, align: 1)
    let head = bench.ring.add([.init(data, 16)])
    let flags = [GuestRing.Flag.indirect, 5, 1, 0][Int(input.next() & 3)]
    bench.ring.setDescriptor(head, flags == 0 ? ~data : data, 15, flags, head)
    refused[UInt32(head)] = 0
    bench.ring.publish()
    bench.queue.pointee.service()
  }

  private func writeGarbage() {
    isWild = true
    let areas = [
      (bench.ring.descriptorTable, 16 * bench.ring.size), (bench.ring.availRing, 6 + 2 * bench.ring.size),
      (bench.ring.usedRing, 6 + 8 * bench.ring.size),
    ]
    for _ in 0...(input.next() % 16) {
      let (start, size) = areas[Int(input.next() % 3)]
      let offset = (Int(input.next()) << 8 | Int(input.next())) % size
      bench.guest.write([input.next()], at: start + UInt64(offset))
    }
  }

  // MARK: Oracle

  /// Compares what came back with what had to.
  private func check() -> String? {
    if let mismatch { return mismatch }
    for used in bench.ring.takeUsed() {
      if let length = refused.removeValue(forKey: used.id) {
        if used.length != length { return "a refused message has length \(used.length)" }
        continue
      }
      guard
        let stream = streams.firstIndex(where: { $0.buffers.contains { UInt32($0.message.head) == used.id } })
      else { return "\(used.id) came back, and was not in flight" }
      guard UInt32(streams[stream].buffers[0].message.head) == used.id else {
        return "buffers of stream \(stream) came back out of order"
      }
      let buffer = streams[stream].buffers.removeFirst()
      if let wrong = check(buffer, used, stream) { return wrong }
      bench.ring.free(buffer.message, cut: buffer.cut)
    }
    if !refused.isEmpty, !stopped, bench.isRunning { return "a refused message did not come back" }
    for stream in streams where !stopped {
      if let first = stream.buffers.first, first.isFlushed { return "a buffer was not flushed" }
      if let first = stream.buffers.first, first.room > 0, isThrough(first) {
        return "a buffer that is through did not come back"
      }
    }
    return nil
  }

  private func isThrough(_ buffer: Buffer) -> Bool {
    isCapture ? buffer.recorded.count == buffer.room : buffer.left == 0
  }

  private func check(_ buffer: Buffer, _ used: GuestRing.Used, _ stream: Int) -> String? {
    if bench.ring.status(of: buffer.message).status != 0x8000 { return "status of \(used.id) is not OK" }
    let isFlushed = buffer.isFlushed
    if !isThrough(buffer), !stopped, !isFlushed { return "buffer \(used.id) came back too early" }
    guard isCapture else { return used.length == 8 ? nil : "length \(used.length) of a played buffer" }

    let contents = bench.ring.recorded(buffer.message)
    var expected = buffer.recorded
    if stopped || (isFlushed && !expected.isEmpty) {
      expected += Array(repeating: silence[0], count: buffer.room - expected.count)
    }
    let counted = isFlushed ? buffer.recorded.count : buffer.room
    if used.length != UInt32(8 + counted) { return "length \(used.length) of a recorded buffer" }
    if Array(contents.prefix(expected.count)) != expected { return "buffer \(used.id) holds wrong frames" }
    // The tail that is no frame; of a buffer that nobody recorded into, everything is as it was.
    let rest: UInt8 = isFlushed && buffer.recorded.isEmpty ? 0xDD : silence[0]
    return contents.dropFirst(expected.count).allSatisfy { $0 == rest }
      ? nil
      : "buffer \(used.id) of \(buffer.room) bytes, \(buffer.recorded.count) of them recorded, has a wrong rest: \(contents)"
  }
}

/// The bytes of an input, one after the other; zeros behind the end.
package struct FuzzBytes {
  private let bytes: [UInt8]
  private var position = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var isAtEnd: Bool { position >= bytes.count }

  package mutating func next() -> UInt8 {
    guard position < bytes.count else { return 0 }
    defer { position += 1 }
    return bytes[position]
  }
}
