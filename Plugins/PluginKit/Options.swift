// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// One option that a backend accepts, as `--help-backend` shows it.
public struct Option: Sendable {
  /// The type of a value; the numbers are those of VSND_OPTION_*.
  public enum Kind: UInt32, Sendable {
    case string = 0
    case bool = 1
    case uint = 2
    /// A number with us, ms or s.
    case duration = 3
    case path = 4
    /// One of `choices`.
    case choice = 5
  }

  public let key: StaticString
  public let kind: Kind
  public let choices: StaticString?
  public let fallback: StaticString?
  public let help: StaticString

  public init(
    _ key: StaticString, _ kind: Kind, choices: StaticString? = nil, fallback: StaticString? = nil,
    help: StaticString
  ) {
    self.key = key
    self.kind = kind
    self.choices = choices
    self.fallback = fallback
    self.help = help
  }
}

/// The values of a backend's options; every one was checked when it was set.
public struct Options {
  private let table: [Option]
  private var values: [Text?]

  init(_ table: [Option]) {
    self.table = table
    values = []
    for option in table { values.append(option.fallback.map { Text(stringLiteral: $0) }) }
  }

  /// The text of an option, nil if it has neither value nor default.
  public func text(_ key: StaticString) -> Text? {
    for index in table.indices where Text(stringLiteral: key).is(table[index].key) { return values[index] }
    return nil
  }

  public func bool(_ key: StaticString) -> Bool { text(key).map { $0.is("true") } ?? false }

  public func uint(_ key: StaticString) -> UInt64? { text(key).flatMap { Number.uint($0.utf8[...]) } }

  /// Nanoseconds.
  public func duration(_ key: StaticString) -> UInt64? { text(key).flatMap { Number.duration($0.utf8) } }

  /// Whether a choice is set to `value`.
  public func chosen(_ key: StaticString, _ value: StaticString) -> Bool {
    text(key).map { $0.is(value) } ?? false
  }

  mutating func set(_ key: Text, _ value: Text) throws(BackendError) {
    for index in table.indices where key.is(table[index].key) {
      guard Self.fits(value, table[index]) else {
        throw BackendError(VSND_E_INVALID, "option \(key) cannot be \"\(value)\"")
      }
      values[index] = value
      return
    }
    throw BackendError(VSND_E_INVALID, "there is no option \(key)")
  }

  private static func fits(_ value: Text, _ option: Option) -> Bool {
    switch option.kind {
    case .string: return true
    case .bool: return value.is("true") || value.is("false")
    case .uint: return Number.uint(value.utf8[...]) != nil
    case .duration: return Number.duration(value.utf8) != nil
    case .path: return value.count > 0
    case .choice:
      guard let choices = option.choices else { return false }
      for choice in Text(stringLiteral: choices).utf8.split(separator: UInt8(ascii: "|")) {
        if Text(choice) == value { return true }
      }
      return false
    }
  }
}

/// Numbers in options.
enum Number {
  /// Decimal, nothing else; nil if it is none or too large.
  static func uint(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard !digits.isEmpty else { return nil }
    var number: UInt64 = 0
    for digit in digits {
      guard digit >= 48, digit <= 57 else { return nil }
      let (product, over) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit - 48))
      guard !over, !carry else { return nil }
      number = sum
    }
    return number
  }

  /// A whole number with us, ms or s, as nanoseconds.
  static func duration(_ text: [UInt8]) -> UInt64? {
    var digits = 0
    while digits < text.count, text[digits] >= 48, text[digits] <= 57 { digits += 1 }
    guard let number = uint(text[..<digits]) else { return nil }
    let unit = Text(text[digits...])
    let scale: UInt64 =
      unit.is("us") ? 1000 : unit.is("ms") ? 1_000_000 : unit.is("s") ? 1_000_000_000 : 0
    let (product, over) = number.multipliedReportingOverflow(by: scale)
    return scale == 0 || over ? nil : product
  }
}
