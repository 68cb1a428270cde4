// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc

/// A file descriptor that is closed when its last user lets go of it.
///
/// A class, not a noncopyable struct: descriptors arrive in arrays, and a running ring shares its
/// eventfds with the session that may replace them.
package final class Descriptor: Sendable {
  package let raw: Int32

  /// Takes over `raw`.
  package init(owning raw: Int32) { self.raw = raw }

  deinit { close(raw) }
}
