// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

public import PluginABI

/// The type of create() in the header.
public typealias Create =
  @convention(c) (
    UnsafePointer<vsnd_host_t>, UnsafeMutablePointer<OpaquePointer?>, OpaquePointer
  ) -> Int32

/// What a plugin says about itself.
public struct Plugin: Sendable {
  public let name: StaticString
  public let summary: StaticString
  /// VSND_CAP_*.
  public let capabilities: UInt32
  public let options: [Option]

  public init(name: StaticString, summary: StaticString, capabilities: UInt32, options: [Option] = []) {
    self.name = name
    self.summary = summary
    self.capabilities = capabilities
    self.options = options
  }

  /// The body of a backend's create(): checks the daemon and makes the instance.
  @unsafe
  public func create(
    _ host: UnsafePointer<vsnd_host_t>, _ out: UnsafeMutablePointer<OpaquePointer?>, _ error: OpaquePointer,
    _ make: (Backend.Start) throws(BackendError) -> Backend
  ) -> Int32 {
    guard let host = unsafe Host.accepted(host) else { return VSND_E_UNSUPPORTED }
    do throws(BackendError) {
      let backend = try make(Backend.Start(host: host, options: options))
      unsafe out.pointee = OpaquePointer(Unmanaged.passRetained(backend).toOpaque())
      return VSND_OK
    } catch let failure { return unsafe host.report(failure, to: error) }
  }

  /// Builds the answer of vsnd_plugin_v1(), which is never freed; call it once.
  ///
  /// - Parameter create: calls ``create(_:_:_:_:)`` with the class of the backend; C takes no
  ///   function made from generic code.
  @unsafe
  public func table(create: @escaping Create) -> UnsafePointer<vsnd_plugin_t> {
    let ops = UnsafeMutablePointer<vsnd_backend_ops_t>.allocate(capacity: 1)
    unsafe ops.initialize(to: operations(create: create))
    let list = UnsafeMutablePointer<UnsafePointer<vsnd_option_t>?>.allocate(capacity: options.count + 1)
    for index in options.indices { unsafe (list + index).initialize(to: row(options[index])) }
    unsafe (list + options.count).initialize(to: nil)
    let plugin = UnsafeMutablePointer<vsnd_plugin_t>.allocate(capacity: 1)
    unsafe plugin.initialize(
      to: vsnd_plugin_t(
        size: UInt32(MemoryLayout<vsnd_plugin_t>.size), abi_minor: VSND_ABI_MINOR, name: text(name),
        version: text("0.1.0"), license: text("Apache-2.0 OR BSD-3-Clause"), summary: text(summary),
        vendor: text("vhost-device-sound"), homepage: nil, capabilities: UInt64(capabilities),
        options: UnsafePointer(list), ops: UnsafePointer(ops)))
    return unsafe UnsafePointer(plugin)
  }

  private func row(_ option: Option) -> UnsafePointer<vsnd_option_t> {
    let row = UnsafeMutablePointer<vsnd_option_t>.allocate(capacity: 1)
    unsafe row.initialize(
      to: vsnd_option_t(
        size: UInt32(MemoryLayout<vsnd_option_t>.size), type: option.kind.rawValue, key: text(option.key),
        fallback: option.fallback.map(text), choices: option.choices.map(text), help: text(option.help)))
    return unsafe UnsafePointer(row)
  }
}

/// A literal as C wants it.
func text(_ literal: StaticString) -> UnsafePointer<CChar> {
  // SAFETY: a literal has an end mark and lives as long as the code.
  unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}
