// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit

/// Where a file lies, with the number of the stream put in.
struct Path {
  let text: Text
  let isWAV: Bool
  /// Whether each stream has its own.
  let isNumbered: Bool

  init(_ pattern: Text, stream: UInt32) {
    let parts = Self.split(pattern.utf8)
    isNumbered = parts.count > 1
    var all = Text(parts[0])
    for part in parts.dropFirst() { all = "\(all)\(stream)\(Text(part))" }
    text = all
    isWAV = all.count > 4 && Self.isSuffix(all.utf8.suffix(4))
  }

  /// The name without its suffix, and the suffix: NAME.2.wav is made of them.
  var stem: Text { Text(text.utf8.dropLast(4)) }
  var suffix: Text { Text(text.utf8.suffix(4)) }

  /// Up to the last slash.
  var folder: Text {
    let bytes = text.utf8
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : Text(bytes[..<slash])
  }

  /// What lies between the marks %i.
  private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    var at = 0
    while at + 1 < bytes.count {
      if bytes[at] == UInt8(ascii: "%"), bytes[at + 1] == UInt8(ascii: "i") {
        parts.append(bytes[start..<at])
        start = at + 2
        at += 1
      }
      at += 1
    }
    parts.append(bytes[start...])
    return parts
  }

  private static func isSuffix(_ bytes: ArraySlice<UInt8>) -> Bool {
    let lower = bytes.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }
    return Text(lower[...]).is(".wav")
  }
}

/// What can be asked of the file system; control threads only.
enum Disk {
  enum Kind {
    case missing, regular, character, other
  }

  static func kind(_ path: Path) -> Kind {
    var facts = stat()
    guard unsafe path.text.withCString({ unsafe stat($0, &facts) }) == 0 else { return .missing }
    return kind(facts)
  }

  /// What an open descriptor leads to, and its size in bytes.
  static func kind(of descriptor: Int32) -> (kind: Kind, size: Int) {
    var facts = stat()
    guard unsafe fstat(descriptor, &facts) == 0 else { return (.other, 0) }
    return (kind(facts), facts.st_size)
  }

  private static func kind(_ facts: stat) -> Kind {
    if vsnd_is_regular(facts.st_mode) != 0 { return .regular }
    return vsnd_is_character(facts.st_mode) != 0 ? .character : .other
  }

  /// Refuses early what could not be written later.
  static func checkWritable(_ path: Path) throws(BackendError) {
    let kind = kind(path)
    try refuse(kind, path)
    let place = kind == .missing || path.isNumbered ? path.folder : path.text
    guard unsafe place.withCString({ unsafe faccessat(AT_FDCWD, $0, W_OK, AT_EACCESS) }) == 0 else {
      throw failure("cannot write to \(place)")
    }
  }

  static func checkReadable(_ path: Path) throws(BackendError) {
    try refuse(kind(path), path)
    guard unsafe path.text.withCString({ unsafe faccessat(AT_FDCWD, $0, R_OK, AT_EACCESS) }) == 0 else {
      throw failure("cannot read \(path.text)")
    }
  }

  /// Neither pipes nor folders: a pipe without a reader would hold up the guest.
  static func refuse(_ kind: Kind, _ path: Path) throws(BackendError) {
    guard kind != .other, kind != .character || !path.isWAV else {
      throw BackendError(VSND_E_INVALID, "\(path.text) is not a regular file")
    }
  }

  /// The failure of the system call just before.
  static func failure(_ text: @autoclosure () -> Text) -> BackendError {
    let code = systemError()
    return BackendError(reason(code), errno: code, text())
  }

  /// The code of the header for an errno.
  static func reason(_ code: Int32) -> Int32 {
    switch code {
    case EACCES, EPERM, EROFS: VSND_E_DENIED
    case ENOMEM, EMFILE, ENFILE: VSND_E_NOMEM
    default: VSND_E_IO
    }
  }
}
