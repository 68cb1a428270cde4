// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Logging
package import PluginABI

/// What a backend can do without being told how.
package struct PluginCapabilities: OptionSet, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let playback = Self(rawValue: UInt64(VSND_CAP_PLAYBACK))
  package static let capture = Self(rawValue: UInt64(VSND_CAP_CAPTURE))
  /// It has its own real-time threads; else the daemon calls process().
  package static let ownThread = Self(rawValue: UInt64(VSND_CAP_OWN_THREAD))
  /// Loans are as short as a copy.
  package static let nonblocking = Self(rawValue: UInt64(VSND_CAP_NONBLOCKING))
  package static let multi = Self(rawValue: UInt64(VSND_CAP_MULTI))
  /// Control calls for different streams may come at the same time.
  package static let parallel = Self(rawValue: UInt64(VSND_CAP_PARALLEL))
}

/// A backend whose tables have been checked and copied; it is never unloaded.
@safe
package final class Plugin: Sendable {
  package let name: String
  package let version: String
  /// An SPDX expression.
  package let license: String
  package let summary: String
  package let vendor: String
  package let homepage: String
  package let capabilities: PluginCapabilities
  package let options: [PluginOption]
  /// The minor version of the header that it was built with.
  package let abiMinor: UInt32
  /// The sizes that its tables declare, in bytes.
  package let tableSizes: (plugin: UInt32, ops: UInt32)
  /// Where it was loaded from; nil for one in memory.
  package let path: String?
  let calls: PluginCalls
  /// What its instances are lent; made once, since they may keep it for good.
  let host: HostTable

  /// Reads the tables behind `table`, which stays valid for good.
  ///
  /// - Throws: LoadError with what is wrong with them.
  @unsafe
  package init(table: UnsafePointer<vsnd_plugin_t>, path: String? = nil, logger: Logger) throws(LoadError) {
    let origin = path ?? "the backend"
    func refuse(_ text: String) -> LoadError { LoadError(.notABackend, "\(origin): \(text)") }

    guard
      let plugin = unsafe localCopy(
        UnsafeRawPointer(table), floor: TableFloor.plugin, zero: vsnd_plugin_t())
    else { throw refuse("its table has the wrong size") }
    guard let name = unsafe borrowedText(plugin.name), PluginName.isValid(name) else {
      throw refuse("its name is missing or not made of small letters, digits and -")
    }
    guard let version = unsafe borrowedText(plugin.version), !version.isEmpty else {
      throw refuse("its version is missing")
    }
    guard let license = unsafe borrowedText(plugin.license), PluginLicense.isPlausible(license) else {
      throw refuse("its licence is missing or not an SPDX expression")
    }
    guard let offered = unsafe plugin.ops,
      let ops = unsafe localCopy(
        UnsafeRawPointer(offered), floor: TableFloor.ops, zero: vsnd_backend_ops_t())
    else { throw refuse("its table of calls is missing or has the wrong size") }
    do throws(MissingCall) {
      calls = try unsafe PluginCalls(ops, capabilities: plugin.capabilities)
    } catch {
      throw refuse("its call \(error.name) is missing")
    }
    do throws(OptionError) {
      options = try unsafe PluginOption.copies(of: plugin.options)
    } catch {
      throw refuse("\(error)")
    }
    self.name = name
    self.version = version
    self.license = license
    summary = unsafe borrowedText(plugin.summary) ?? ""
    vendor = unsafe borrowedText(plugin.vendor) ?? ""
    homepage = unsafe borrowedText(plugin.homepage) ?? ""
    capabilities = PluginCapabilities(rawValue: unsafe plugin.capabilities)
    abiMinor = unsafe plugin.abi_minor
    tableSizes = unsafe (plugin.size, ops.size)
    self.path = path
    host = HostTable(for: name, logger: logger)
  }
}
