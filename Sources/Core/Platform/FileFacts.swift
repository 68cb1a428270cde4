// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc

/// What the file system says about a file, symbolic links followed.
package struct FileFacts: Equatable, Sendable {
  package var isRegular: Bool
  package var owner: UInt32
  /// Permission bits, 0...0o7777.
  package var mode: UInt32

  package init(isRegular: Bool, owner: UInt32, mode: UInt32) {
    self.isRegular = isRegular
    self.owner = owner
    self.mode = mode
  }

  /// Asks for the file at `path`; nil when there is none that can be reached (C function: stat).
  package init?(path: String) {
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else { return nil }
    isRegular = facts.st_mode & S_IFMT == S_IFREG
    owner = facts.st_uid
    mode = facts.st_mode & 0o7777
  }
}
