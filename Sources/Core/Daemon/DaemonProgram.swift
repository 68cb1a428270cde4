// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
package import Logging

/// The daemon from its start to its end.
package enum DaemonProgram {
  /// Serves front-ends until SIGTERM or SIGINT comes.
  ///
  /// - Throws: StartupError when it cannot begin to serve.
  package static func run(_ configuration: DaemonConfiguration, logger: Logger) throws(StartupError) {
    let backend = try PreparedBackend(configuration, logger: logger)
    backend.instance.destroy()
  }
}
