// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// A look at licence texts of backends.
enum PluginLicense {
  /// Whether `text` has the form of an SPDX expression: identifiers joined by AND, OR and WITH, in brackets.
  static func isPlausible(_ text: String) -> Bool {
    let words = text.split { " ()".contains($0) }
    let operators: Set<Substring> = ["AND", "OR", "WITH"]
    guard words.count % 2 == 1 else { return false }
    return words.enumerated().allSatisfy { index, word in
      operators.contains(word) == (index % 2 == 1) && word.utf8.allSatisfy(isIdentifierByte)
    }
  }

  private static func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e, 0x3a: true
    default: false
    }
  }
}
