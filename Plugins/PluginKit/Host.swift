// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

public import PluginABI

/// The daemon's services; lives as long as the process.
@safe
public final class Host {
  private let original: UnsafePointer<vsnd_host_t>
  /// What the daemon offers, for feeds to call through; what it does not know reads as nil.
  let table: UnsafeMutablePointer<vsnd_host_t>

  private init(_ original: UnsafePointer<vsnd_host_t>, _ copy: vsnd_host_t) {
    unsafe self.original = original
    unsafe table = .allocate(capacity: 1)
    unsafe table.initialize(to: copy)
  }

  /// Takes in the daemon's table; nil when it has no way to lend frames.
  ///
  /// Not an initializer that may fail: Embedded Swift leaks the object that it gives up.
  @unsafe
  static func accepted(_ original: UnsafePointer<vsnd_host_t>) -> Host? {
    guard let copy = unsafe localCopy(original, floor: 8, zero: vsnd_host_t()),
      unsafe copy.acquire != nil, unsafe copy.commit != nil
    else { return nil }
    return unsafe Host(original, copy)
  }

  deinit { unsafe table.deallocate() }

  /// Tells the daemon's log; any thread but an audio context.
  ///
  /// - Parameter level: VSND_LOG_*.
  public func log(_ level: UInt32, _ text: Text) {
    unsafe text.withCString { unsafe table.pointee.log?(original, level, $0) }
  }

  /// Reports an event of an instance.
  ///
  /// - Parameter kind: VSND_EVENT_*.
  public func notify(_ kind: UInt32, _ backend: Backend) {
    var event = vsnd_event_t(size: UInt32(MemoryLayout<vsnd_event_t>.size), kind: kind)
    let instance = unsafe OpaquePointer(Unmanaged.passUnretained(backend).toOpaque())
    unsafe table.pointee.notify?(original, instance, &event)
  }

  /// Attaches the words of a failure, and returns its code.
  @unsafe
  func report(_ error: BackendError, to target: OpaquePointer) -> Int32 {
    unsafe error.text.withCString { unsafe table.pointee.set_error?(target, error.systemError, $0) }
    return error.code
  }
}
