// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Platform

/// Where backends are looked for.
package struct BackendSearch: Equatable, Sendable {
  /// Where packages put backends.
  package static let installed = "/usr/lib/vsnd"

  /// In the order of the search.
  package let directories: [String]

  package init(directories: [String]) {
    self.directories = directories
  }

  /// The order of the documentation: `--backend-dir`, VSND_BACKEND_PATH, the installed directory, the one of
  /// the program, so that a build tree works as it is.
  package init(
    options: [String], variable: String? = ProcessFacts.environment("VSND_BACKEND_PATH"),
    executable: String? = ProcessFacts.executable
  ) {
    let listed = variable?.split(separator: ":").map(String.init) ?? []
    let beside = executable.flatMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } }
    var directories: [String] = []
    for directory in options + listed + [Self.installed] + [beside].compactMap({ $0 })
    where !directories.contains(directory) {
      directories.append(directory)
    }
    self.directories = directories
  }

  /// Finds the file of the backend `name`; a name with a slash is a path.
  package func path(of name: String) throws(LoadError) -> String {
    if name.contains("/") {
      guard FileFacts(path: name) != nil else { throw LoadError(.notFound, "there is no file \(name)") }
      return name
    }
    guard PluginName.isValid(name) else {
      throw LoadError(
        .notFound, "'\(name)' is not the name of a backend: small letters, digits and - only")
    }
    let file = PluginName.file(of: name)
    for directory in directories {
      let path = "\(directory)/\(file)"
      if FileFacts(path: path) != nil { return path }
    }
    throw LoadError(.notFound, "there is no backend '\(name)'; \(advice(name))")
  }

  /// The files of all backends that can be found, by name; the first directory wins.
  package func candidates() -> [(name: String, path: String)] {
    var found: [String: String] = [:]
    for directory in directories {
      for file in Directory.names(in: directory) {
        guard let name = PluginName.promised(by: file), found[name] == nil else { continue }
        found[name] = "\(directory)/\(file)"
      }
    }
    return found.sorted { $0.key < $1.key }.map { (name: $0.key, path: $0.value) }
  }

  private func advice(_ name: String) -> String {
    if let package = PluginName.package(of: name) { return "install the package \(package)" }
    let known = candidates().map(\.name) + ["alsa", "pipewire", "pulse", "jack"]
    if let near = nearMiss(name, among: known) { return "did you mean '\(near)'?" }
    return "looked in \(directories.joined(separator: ", "))"
  }
}
