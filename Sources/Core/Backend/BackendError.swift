// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import Platform
private import PluginABI
package import Sound

/// A call of a backend that failed.
package struct BackendError: Error, Equatable, Sendable, CustomStringConvertible {
  /// VSND_E_*.
  package let code: Int32
  /// The sentence of the backend, or one made from the code.
  package let text: String
  /// The errno behind it, 0 for none.
  package let osError: Int32

  package init(code: Int32, text: String = "", osError: Int32 = 0) {
    self.code = code
    self.text = text.isEmpty ? Self.meaning(of: code) : text
    self.osError = osError
  }

  /// What the guest is told.
  package var failure: HostFailure { HostFailure(pluginCode: code) }

  package var description: String {
    osError == 0 ? text : "\(text): \(SystemCallError(call: text, code: osError).cause)"
  }

  private static func meaning(of code: Int32) -> String {
    switch code {
    case VSND_E_INVALID: "the backend calls the request invalid"
    case VSND_E_UNSUPPORTED: "the backend cannot do that"
    case VSND_E_IO: "the device or sound server failed"
    case VSND_E_BUSY: "the device is in use"
    case VSND_E_GONE: "the device or sound server is gone"
    case VSND_E_DENIED: "permission denied"
    case VSND_E_TIMEOUT: "the device or sound server did not answer in time"
    case VSND_E_NOMEM: "out of memory or descriptors"
    default: "the backend failed with the unknown code \(code)"
    }
  }
}
