// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI

extension PluginOption {
  /// Copies the options of a backend.
  ///
  /// - Throws: what is wrong with the table.
  @unsafe
  static func copies(of table: UnsafePointer<UnsafePointer<vsnd_option_t>?>?) throws(OptionError)
    -> [PluginOption]
  {
    guard let table = unsafe table else { return [] }
    var options: [PluginOption] = []
    // SAFETY: the header promises that the table ends with NULL; 256 bounds one that does not.
    while options.count < 256, let entry = unsafe table[options.count] {
      let number = options.count
      guard
        let raw = unsafe localCopy(
          UnsafeRawPointer(entry), floor: TableFloor.option, zero: vsnd_option_t()),
        let key = unsafe borrowedText(raw.key), PluginName.isValid(key)
      else { throw OptionError(description: "its option number \(number) has a bad size or key") }
      let choices = unsafe borrowedText(raw.choices) ?? ""
      options.append(
        PluginOption(
          key: key, kind: Kind(number: unsafe raw.type), fallback: unsafe borrowedText(raw.fallback),
          choices: choices.split(separator: "|").map(String.init),
          help: unsafe borrowedText(raw.help) ?? ""))
    }
    return options
  }
}

extension PluginOption.Kind {
  /// VSND_OPTION_*; a type of a later release is checked by the backend alone.
  fileprivate init(number: UInt32) {
    self =
      switch number {
      case VSND_OPTION_BOOL: .bool
      case VSND_OPTION_UINT: .uint
      case VSND_OPTION_DURATION: .duration
      case VSND_OPTION_PATH: .path
      case VSND_OPTION_CHOICE: .choice
      default: .string
      }
  }
}
