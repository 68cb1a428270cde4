// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Why a backend cannot be had: one line for the user, with the cause and what to do about it.
package struct LoadError: Error, Equatable, CustomStringConvertible {
  package enum Reason: Sendable {
    /// There is no such file, or the name is not one.
    case notFound
    /// The file is there, but loading it could harm.
    case refused
    /// The dynamic linker cannot load it.
    case unloadable
    /// It is a library, but not a backend for this daemon.
    case notABackend
  }

  package let reason: Reason
  package let description: String

  package init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}
