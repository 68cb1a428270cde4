// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import PluginABI

extension PluginReport {
  /// Facts for scripts: `key=value` lines, whose keys are never renamed.
  ///
  /// - Parameter families: the optional families that an instance has.
  package static func dump(_ plugin: Plugin, families: [String]) -> String {
    var lines = [
      "path=\(plugin.path ?? "")", "name=\(plugin.name)", "version=\(plugin.version)",
      "license=\(plugin.license)", "summary=\(plugin.summary)", "vendor=\(plugin.vendor)",
      "homepage=\(plugin.homepage)", "abi_major=\(VSND_ABI_MAJOR)", "abi_minor=\(plugin.abiMinor)",
      "plugin_size=\(plugin.tableSizes.plugin)", "ops_size=\(plugin.tableSizes.ops)",
      "capabilities=\(capabilities(plugin.capabilities))",
    ]
    lines += families.map { "extension=\($0)" }
    for option in plugin.options {
      lines.append("option.\(option.key).type=\(option.kind.rawValue)")
      if let fallback = option.fallback { lines.append("option.\(option.key).default=\(fallback)") }
      if !option.choices.isEmpty {
        lines.append("option.\(option.key).choices=\(option.choices.joined(separator: "|"))")
      }
      lines.append("option.\(option.key).help=\(option.help)")
    }
    return lines.map { "\($0)\n" }.joined()
  }

  /// The options of a backend for people.
  package static func help(_ plugin: Plugin) -> String {
    let title = "\(plugin.name) \(plugin.version): \(plugin.summary)\n"
    if plugin.options.isEmpty { return title + "\nIt has no options.\n" }
    let rows = plugin.options.map { option in
      (head: "\(option.key)=\(placeholder(option))", text: option.help + fallback(option))
    }
    let width = rows.map(\.head.count).max() ?? 0
    let lines = rows.map { "  \(padded($0.head, width))  \($0.text)\n" }
    return title + "\nOptions, each as --backend-option KEY=VALUE:\n" + lines.joined()
  }

  private static func placeholder(_ option: PluginOption) -> String {
    switch option.kind {
    case .string: "TEXT"
    case .bool: "true|false"
    case .uint: "NUMBER"
    case .duration: "TIME"
    case .path: "PATH"
    case .choice: option.choices.joined(separator: "|")
    }
  }

  private static func fallback(_ option: PluginOption) -> String {
    option.fallback.map { " (default: \($0))" } ?? ""
  }

  private static func capabilities(_ set: PluginCapabilities) -> String {
    let names: [(PluginCapabilities, String)] = [
      (.playback, "playback"), (.capture, "capture"), (.ownThread, "own-thread"),
      (.nonblocking, "nonblocking"), (.multi, "multi"), (.parallel, "parallel"),
    ]
    return names.filter { set.contains($0.0) }.map(\.1).joined(separator: ",")
  }

  /// A line for each device: direction, id, title.
  package static func list(_ devices: [HostDevice]) -> String {
    let width = devices.map(\.id.count).max() ?? 0
    return devices.map { device in
      let notes = (device.isDefault ? " (default)" : "") + (device.isPresent ? "" : " (absent)")
      return "\(padded("\(device.direction)", 6))  \(padded(device.id, width))  \(device.title)\(notes)\n"
    }.joined()
  }
}

extension Instance {
  /// The optional families that are known here and that the backend has.
  package var families: [String] { listsDevices ? [VSND_EXT_DEVICES] : [] }
}
