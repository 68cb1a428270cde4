// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Tables of the other side start with their size in bytes (R1) and may be shorter or longer than ours, so
// they are never read or written through their type.

/// Copies a table of the daemon's; what its maker did not know stays as in `zero`.
///
/// - Returns: nil when the declared size is below `floor`, that of the first release, or absurd.
@unsafe
func localCopy<Table>(_ foreign: UnsafePointer<Table>, floor: Int, zero: Table) -> Table? {
  let source = unsafe UnsafeRawPointer(foreign)
  let declared = Int(unsafe source.loadUnaligned(as: UInt32.self))
  guard declared >= floor, declared <= 65_536 else { return nil }
  var copy = zero
  // SAFETY: no more than the maker declared, and no more than fits, is copied.
  unsafe withUnsafeMutableBytes(of: &copy) { target in
    unsafe target.baseAddress?.copyMemory(from: source, byteCount: min(declared, target.count))
  }
  return copy
}

/// Fills in a table whose size the daemon preset; what it does not know is left out.
@unsafe
func fill<Table>(_ foreign: UnsafeMutablePointer<Table>, from local: Table) {
  let target = UnsafeMutableRawPointer(foreign)
  let declared = Int(unsafe target.loadUnaligned(as: UInt32.self))
  unsafe withUnsafeBytes(of: local) { source in
    let count = min(declared, source.count) - 4
    guard count > 0, let base = source.baseAddress else { return }
    // SAFETY: bytes 4 ..< 4 + count lie in both tables.
    unsafe (target + 4).copyMemory(from: base + 4, byteCount: count)
  }
}
