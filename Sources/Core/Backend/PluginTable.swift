// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import PluginABI

/// Copies a table that starts with its own size; what its maker did not know stays as in `zero`.
///
/// The table is never bound to our type: if its maker is older, its last fields are somebody else's memory.
///
/// - Parameter floor: the size in the first release of the interface, which never changes.
/// - Returns: nil when the declared size is below the floor, or absurd.
@unsafe
func localCopy<Table>(_ foreign: UnsafeRawPointer, floor: Int, zero: Table) -> Table? {
  let declared = Int(unsafe foreign.loadUnaligned(as: UInt32.self))
  guard (floor...65_536).contains(declared) else { return nil }
  var copy = zero
  // SAFETY: at most what the maker declared, and at most what fits, is copied.
  unsafe withUnsafeMutableBytes(of: &copy) { target in
    unsafe target.baseAddress?.copyMemory(from: foreign, byteCount: min(declared, target.count))
  }
  return copy
}

/// Sizes of the tables in the first release: what every backend has at least.
enum TableFloor {
  /// Through ops.
  static let plugin = 80
  /// Through destroy.
  static let ops = 88
  /// Through help.
  static let option = 40
  /// Through title.
  static let device = 32
  /// Through enumerate.
  static let devices = 16
}

/// A text of a backend as one line without control characters, at most `limit` bytes long.
@unsafe
func borrowedText(_ text: UnsafePointer<CChar>?, limit: Int = 512) -> String? {
  guard let text = unsafe text else { return nil }
  var bytes: [UInt8] = []
  while bytes.count < limit {
    let byte = UInt8(bitPattern: unsafe text[bytes.count])
    if byte == 0 { break }
    bytes.append(byte < 0x20 || byte == 0x7f ? 0x20 : byte)
  }
  return String(decoding: bytes, as: UTF8.self)
}
