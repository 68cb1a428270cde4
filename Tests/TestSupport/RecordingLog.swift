// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Logging
import Platform

/// A log that keeps its lines as `level: text`.
package final class RecordingLog: Sendable {
  private let kept = Locked<[String]>([])

  package init() {}

  /// The lines so far.
  package var lines: [String] { kept.withLock { $0 } }

  /// A logger that writes here, debug lines too.
  package var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(log: self) }
    logger.logLevel = .debug
    return logger
  }

  private struct Handler: LogHandler {
    let log: RecordingLog
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.kept.withLock { $0.append("\(event.level): \(event.message)") }
    }
  }
}
