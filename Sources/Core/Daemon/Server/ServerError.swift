// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform

/// Why the daemon cannot serve: one line for the user, with the cause and what to do (VU-204).
package struct ServerError: Error, Equatable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }

  /// - Parameter doing: what was tried, as in "cannot listen at /run/x".
  init(_ doing: String, _ cause: SystemCallError, advice: String? = nil) {
    description = "\(doing): \(cause.cause)" + (advice.map { "; \($0)" } ?? "")
  }
}
