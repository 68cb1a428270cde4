// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

private import PluginABI

/// What a guest is told when the host could not do what it asked for (VS-023); the raw value goes on the wire.
package enum HostFailure: UInt32, Sendable {
  /// VIRTIO_SND_S_BAD_MSG
  case badMessage = 0x8001
  /// VIRTIO_SND_S_NOT_SUPP
  case notSupported = 0x8002
  /// VIRTIO_SND_S_IO_ERR
  case ioError = 0x8003

  /// Translates a code of the plugin interface (VSND_E_*); one that it does not define is an I/O error.
  package init(pluginCode: Int32) {
    self =
      switch pluginCode {
      case VSND_E_INVALID: .badMessage
      case VSND_E_UNSUPPORTED: .notSupported
      default: .ioError
      }
  }
}
