// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The rules for names of backends and of their files.
package enum PluginName {
  private static let prefix = "libvsnd-backend-"
  private static let suffix = ".so"

  /// Whether `name` is `[a-z][a-z0-9-]*`, at most 64 long: it cannot leave a directory.
  package static func isValid(_ name: some StringProtocol) -> Bool {
    guard let first = name.utf8.first, (0x61...0x7a).contains(first), name.utf8.count <= 64 else {
      return false
    }
    return name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
  }

  /// The file of the backend `name`, as SwiftPM calls a dynamic library.
  package static func file(of name: String) -> String { prefix + name + suffix }

  /// The name that the file at `path` promises, nil when it is not called like a backend.
  package static func promised(by path: String) -> String? {
    let file = path.split(separator: "/").last ?? ""
    guard file.hasPrefix(prefix), file.hasSuffix(suffix), file.count > prefix.count + suffix.count else {
      return nil
    }
    let name = file.dropFirst(prefix.count).dropLast(suffix.count)
    return isValid(name) ? String(name) : nil
  }

  /// The package that has the backend `name`; nil for one that is not ours.
  package static func package(of name: String) -> String? {
    switch name {
    case "alsa", "pipewire", "pulse", "jack": "vsnd-backend-\(name)"
    case "null", "file": "vhost-device-sound"
    default: nil
    }
  }
}
