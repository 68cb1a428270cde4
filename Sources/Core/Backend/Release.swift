// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What this release calls itself.
package enum Release {
  package static let version = "0.1.0"
}
