// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import PluginABI

/// One option that a backend accepts, from its table.
package struct PluginOption: Equatable, Sendable {
  package enum Kind: String, Sendable {
    case string, bool, uint, duration, path, choice
  }

  package var key: String
  package var kind: Kind
  /// The default, as text; nil for none.
  package var fallback: String?
  /// The values of a choice.
  package var choices: [String]
  package var help: String

  package init(
    key: String, kind: Kind, fallback: String? = nil, choices: [String] = [], help: String = ""
  ) {
    self.key = key
    self.kind = kind
    self.fallback = fallback
    self.choices = choices
    self.help = help
  }
}

/// An option that a backend does not take, in words for the user.
package struct OptionError: Error, Equatable, CustomStringConvertible {
  package let description: String
}

/// A `KEY=VALUE` of the command line; the first `=` splits.
package struct OptionSetting: Equatable, Sendable {
  package var key: String
  package var value: String

  package init(key: String, value: String) {
    self.key = key
    self.value = value
  }

  package init(parsing text: String) throws(OptionError) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw OptionError(description: "'\(text)' is not KEY=VALUE")
    }
    self.init(key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
  }

  /// Checks key, type and choice against the options of the backend `name`.
  package func check(against options: [PluginOption], of name: String) throws(OptionError) {
    guard let option = options.first(where: { $0.key == key }) else {
      throw OptionError(description: "backend \(name) has no option '\(key)'; \(advice(options))")
    }
    if let expected = option.expectation(brokenBy: value) {
      throw OptionError(description: "\(key) of backend \(name) must be \(expected), not '\(value)'")
    }
  }

  private func advice(_ options: [PluginOption]) -> String {
    let keys = options.map(\.key)
    if let near = nearMiss(key, among: keys) { return "did you mean '\(near)'?" }
    return keys.isEmpty ? "it has none" : "it has \(keys.sorted().joined(separator: ", "))"
  }
}

extension PluginOption {
  /// What a value of this option looks like, if `value` does not.
  func expectation(brokenBy value: String) -> String? {
    switch kind {
    case .string: nil
    case .bool: ["true", "false"].contains(value) ? nil : "true or false"
    case .uint: Self.isDecimal(value) ? nil : "a whole number"
    case .duration: Self.isDuration(value) ? nil : "a time such as 250us, 20ms or 2s"
    case .path: value.isEmpty ? "a path" : nil
    case .choice: choices.contains(value) ? nil : "one of \(choices.joined(separator: ", "))"
    }
  }

  private static func isDecimal(_ text: some StringProtocol) -> Bool {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt32(text) != nil
  }

  private static func isDuration(_ text: String) -> Bool {
    for unit in ["us", "ms", "s"] where text.hasSuffix(unit) {
      if isDecimal(text.dropLast(unit.count)) { return true }
    }
    return false
  }
}
