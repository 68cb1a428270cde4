// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Glibc
package import Logging
private import Platform
private import PluginABI

extension Plugin {
  /// Loads the backend `name`, or the one at a path when `name` has a slash in it.
  ///
  /// - Parameter logger: takes what is doubtful about the file, and later the lines of the backend.
  package convenience init(
    named name: String, in search: BackendSearch, check: PluginFileCheck = .current, logger: Logger
  ) throws(LoadError) {
    try self.init(path: try search.path(of: name), check: check, logger: logger)
  }

  /// Loads the library at `path`; it stays in the process for good.
  package convenience init(
    path: String, check: PluginFileCheck = .current, logger: Logger
  ) throws(LoadError) {
    guard let promised = PluginName.promised(by: path) else {
      throw LoadError(.notABackend, "\(path) is not called libvsnd-backend-NAME.so")
    }
    guard let facts = FileFacts(path: path) else {
      throw LoadError(.notFound, "there is no file \(path)")
    }
    if let warning = try check.verdict(facts, path: path) { logger.warning("\(warning)") }
    // A path without a slash would be looked up in the system's directories.
    let file = path.contains("/") ? path : "./\(path)"
    guard let library = unsafe dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
      throw LoadError(
        .unloadable, "cannot load backend \(promised): \(Self.linkerWords); \(Self.cure(promised))")
    }
    let table = try unsafe Self.table(of: library, path: path)
    try unsafe self.init(table: table, path: path, logger: logger)
    guard name == promised else {
      throw LoadError(.notABackend, "\(path): it calls itself '\(name)', its file '\(promised)'")
    }
  }

  @unsafe
  private static func table(of library: UnsafeMutableRawPointer, path: String) throws(LoadError)
    -> UnsafePointer<vsnd_plugin_t>
  {
    guard let symbol = unsafe dlsym(library, VSND_ENTRY_NAME) else {
      let later = (2...9).first { unsafe dlsym(library, "vsnd_plugin_v\($0)") != nil }
      let cause = later.map { "it speaks version \($0) of the plugin interface, this daemon speaks 1" }
      throw LoadError(
        .notABackend, "\(path): \(cause ?? "it has no \(VSND_ENTRY_NAME), so it is no backend")")
    }
    typealias Entry = @convention(c) () -> UnsafePointer<vsnd_plugin_t>?
    // SAFETY: the name of the symbol promises this type.
    let entry = unsafe unsafeBitCast(symbol, to: Entry.self)
    guard let table = unsafe entry() else {
      throw LoadError(.notABackend, "\(path): it offers no table")
    }
    return unsafe table
  }

  private static var linkerWords: String {
    guard let text = unsafe dlerror() else { return "the dynamic linker gives no reason" }
    return unsafe borrowedText(text) ?? ""
  }

  private static func cure(_ name: String) -> String {
    PluginName.package(of: name).map { "reinstalling the package \($0) brings what it needs" }
      ?? "install what provides the missing part"
  }
}
