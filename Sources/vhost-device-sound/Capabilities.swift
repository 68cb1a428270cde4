// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The answer to `--print-capabilities` (VU-202).
enum Capabilities {
  /// QEMU's schema of vhost-user programs has no name for sound yet; this is the obvious one.
  static let json = """
    {
      "type": "sound",
      "features": []
    }

    """
}
