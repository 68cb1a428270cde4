// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc

/// A file descriptor with one owner; closed when the owner goes away.
public struct Descriptor: ~Copyable {
  public let raw: Int32

  /// Takes over `raw`.
  public init(_ raw: Int32) { self.raw = raw }

  deinit { _ = close(raw) }
}
