// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// What goes wrong in a backend: a code of the header, a sentence, and the errno behind it.
public struct BackendError: Error {
  /// One of VSND_E_*.
  public let code: Int32
  /// The errno that caused it, 0 for none; the daemon turns it into words.
  public let systemError: Int32
  /// What was being done; does not repeat the cause.
  public let text: Text

  public init(_ code: Int32, errno systemError: Int32 = 0, _ text: Text) {
    self.code = code
    self.systemError = systemError
    self.text = text
  }
}
