// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// The life of a PCM stream as its guest steers it (VS-080).
package enum PCMState: CaseIterable, Sendable {
  /// No parameters yet.
  case initial
  case parametersSet
  /// The host's device is open; buffers are held until the start.
  case prepared
  case running
  /// Paused: buffers are held (VS-082).
  case stopped
  /// Given up, with its parameters kept (VS-081).
  case released
}

/// A command that moves a stream from state to state.
package enum PCMCommand: CaseIterable, Sendable {
  case setParameters
  case prepare
  case start
  case stop
  case release
}

/// What a command means in a state.
package enum PCMStep: Equatable, Sendable {
  /// Wrong here: BAD_MSG, nothing changes.
  case refuse
  /// Nothing to do: OK (VS-083).
  case accept
  /// The parameters are replaced.
  case set
  /// The parameters are replaced; what was prepared with the old ones is given up (VS-086).
  case setAnew
  /// The host's device is to be opened.
  case open
  /// It is open already; buffers stay (VS-086).
  case keep
  case start
  case stop
  case release
}

extension PCMState {
  /// The table of VS-080.
  package func step(_ command: PCMCommand) -> PCMStep {
    switch (command, self) {
    case (.setParameters, .initial), (.setParameters, .parametersSet), (.setParameters, .released): .set
    case (.setParameters, .prepared): .setAnew
    case (.prepare, .parametersSet), (.prepare, .released): .open
    case (.prepare, .prepared): .keep
    case (.start, .prepared), (.start, .stopped): .start
    case (.stop, .running): .stop
    case (.stop, .initial): .accept
    case (.release, .prepared), (.release, .stopped): .release
    case (.release, .initial), (.release, .parametersSet), (.release, .released): .accept
    default: .refuse
    }
  }
}
