// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend
package import Sound

/// Where the front-end is met (VU-200, VU-201, VU-207).
package enum SocketSource: Equatable, Sendable {
  /// Listen at this path.
  case path(String)
  /// An inherited socket, connected or listening.
  case descriptor(Int32)
  /// The listening socket of a service manager (LISTEN_FDS).
  case activation
}

/// Everything that the command line decides.
package struct DaemonConfiguration: Equatable, Sendable {
  package var socket: SocketSource
  /// A name, or a path when it has a slash in it.
  package var backend: String
  package var search: BackendSearch
  package var options: [OptionSetting]
  /// What the user asked for; empty for StreamSpecification/standard.
  package var streams: [StreamSpecification]

  package init(
    socket: SocketSource, backend: String, search: BackendSearch, options: [OptionSetting] = [],
    streams: [StreamSpecification] = []
  ) {
    self.socket = socket
    self.backend = backend
    self.search = search
    self.options = options
    self.streams = streams
  }
}

/// Why the daemon cannot start: one line for the user.
package struct StartupError: Error, Equatable, CustomStringConvertible {
  package let description: String
  /// Whether another command line would help, rather than a change of the machine.
  package let isWrongUse: Bool

  package init(_ description: String, isWrongUse: Bool = false) {
    self.description = description
    self.isWrongUse = isWrongUse
  }
}
