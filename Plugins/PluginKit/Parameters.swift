// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// What a stream must be, exactly.
public struct Parameters {
  public let direction: Direction
  /// The number of the stream on the card.
  public let stream: UInt32
  public let format: SampleFormat
  /// Frames a second.
  public let rate: UInt32
  /// 1...18.
  public let channels: UInt32
  public let frameBytes: Int
  public let periodFrames: UInt32
  public let bufferFrames: UInt32
  /// One virtio position for each channel.
  public let map: [UInt8]
  /// The same as positions; one that the specification does not have is unknown.
  public var positions: [ChannelPosition] { map.map { ChannelPosition(rawValue: $0) ?? .unknown } }
  /// nil: the default device.
  public let device: Text?
  /// For the mixer of a sound server.
  public let label: Text

  /// Copies and checks what the daemon asks for.
  @unsafe
  init(_ foreign: UnsafePointer<vsnd_params_t>) throws(BackendError) {
    // The size of the first release: ten numbers and three pointers.
    let floor = 40 + 3 * MemoryLayout<Int>.size
    guard Int(unsafe UnsafeRawPointer(foreign).loadUnaligned(as: UInt32.self)) >= floor else {
      throw BackendError(VSND_E_INVALID, "the parameters of the stream are too short")
    }
    // SAFETY: all the fields that are read below lie before `floor`.
    let params = unsafe foreign.pointee
    guard unsafe params.flags >> 16 == 0 else {
      throw BackendError(VSND_E_UNSUPPORTED, "the daemon asks for something newer than this backend")
    }
    guard let direction = Direction(rawValue: unsafe params.direction),
      let format = SampleFormat(rawValue: unsafe params.format), format != .imaADPCM,
      unsafe params.channels >= 1, unsafe params.channels <= VSND_CHANNELS_MAX,
      unsafe params.rate_hz > 0,
      unsafe Int(params.frame_bytes) == Int(params.channels) * format.sampleBytes
    else { throw BackendError(VSND_E_INVALID, "the parameters of the stream contradict themselves") }
    self.direction = direction
    self.format = format
    unsafe stream = params.stream_index
    unsafe rate = params.rate_hz
    unsafe channels = params.channels
    unsafe frameBytes = Int(params.frame_bytes)
    unsafe periodFrames = params.period_frames
    unsafe bufferFrames = params.buffer_frames
    // SAFETY: the map has one position for each channel.
    unsafe map = [UInt8](UnsafeBufferPointer(start: params.map, count: Int(params.channels)))
    unsafe device = params.device_id.map { unsafe Text(cString: $0) }
    unsafe label = Text(cString: params.label)
  }
}

/// What a device really does; nil is "as asked".
public struct StreamInfo {
  /// A descriptor of the stream: readable means "call process()"; nil: the daemon's clock calls.
  public var wake: Int32?
  public var periodFrames: UInt32?
  public var bufferFrames: UInt32?
  /// Frames from a commit to the ear, or from the mouth; a first estimate.
  public var delayFrames: Int64?

  public init() {}
}

/// Why process() is called.
public struct Tick {
  /// Frames that the daemon's clock has earned; 0 when the wake descriptor was the reason.
  public let dueFrames: Int
  /// CLOCK_MONOTONIC in nanoseconds, 0 if not told.
  public let now: UInt64

  @_noAllocation @_noLocks @unsafe
  init(_ foreign: UnsafePointer<vsnd_tick_t>) {
    // SAFETY: the fields are read only where the size says that they are there.
    let known = unsafe foreign.pointee.size >= 16
    dueFrames = known ? Int(unsafe foreign.pointee.due_frames) : 0
    now = known ? unsafe foreign.pointee.now_ns : 0
  }
}
