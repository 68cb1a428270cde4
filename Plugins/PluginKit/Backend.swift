// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// One instance of a backend, subclassed by plugins and called by control threads of the daemon.
open class Backend {
  /// The daemon's services.
  public let host: Host
  /// What the user set, or the defaults.
  public internal(set) var options: Options
  /// The channel map of the last answer to query(), which has to stay until the next.
  let queriedMap = QueriedMap()

  public init(_ start: Start) {
    host = start.host
    options = Options(start.options)
  }

  /// What the daemon gave to create(); hand it to ``Backend/init(_:)``.
  public struct Start {
    let host: Host
    let options: [Option]
  }

  /// Connects, once, after the options; a failure ends the daemon.
  open func prepare() throws(BackendError) {}

  /// What a device can do.
  ///
  /// - Parameter device: nil for the default one.
  open func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    throw BackendError(VSND_E_UNSUPPORTED, "this backend has no such device")
  }

  /// Opens a device for a stream, which keeps the feed until it is closed.
  open func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    throw BackendError(VSND_E_UNSUPPORTED, "this backend has no streams")
  }

  /// Whether this backend has the extension vsnd.devices/1.
  open var listsDevices: Bool { false }

  /// Lists the devices of one direction.
  open func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {}

  /// Ends the instance; all its streams are closed.
  open func destroy() {}
}

/// One stream of a backend, from open() to close().
open class Stream {
  /// What the device really does.
  public var info = StreamInfo()
  var host: Host?

  public init() {}

  /// Lets audio flow, at first or after a pause.
  open func start() throws(BackendError) {}

  /// One step of a backend without a thread of its own.
  ///
  /// The audio context: mark overrides with `@_noAllocation @_noLocks`.
  @_noAllocation @_noLocks
  open func process(_ tick: Tick) {}

  /// Ends the flow; when it returns no thread of the backend touches the feed.
  open func stop(_ how: StopMode) {}

  /// Gives the device back.
  open func close() {}
}

/// Whether the guest plays or records.
public enum Direction: UInt32 {
  case playback = 0
  case capture = 1
}

/// What happens at stop() to frames that were committed.
public enum StopMode: UInt32 {
  /// A pause: they are kept, or play out.
  case hold = 0
  /// The end: they play out.
  case drain = 1
  /// A reset: silence at once.
  case discard = 2
}

/// A device of vsnd.devices/1.
public struct Device {
  /// Stable across restarts; what `device=` takes.
  public let id: Text
  /// For people.
  public let title: Text
  /// VSND_DEVICE_*.
  public let flags: UInt32

  public init(id: Text, title: Text, flags: UInt32) {
    self.id = id
    self.title = title
    self.flags = flags
  }
}
