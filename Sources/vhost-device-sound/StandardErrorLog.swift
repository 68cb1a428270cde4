// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Logging

/// Writes each line of the log to standard error, in one piece: `vhost-device-sound: warning: text`.
///
/// error: something that a user asked for did not happen. warning: abnormal, harmless. info: rare, and useful
/// in production. debug: may repeat.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let text = "\(event.message)".split(whereSeparator: \.isNewline).joined(separator: " ")
    write("vhost-device-sound: \(event.level): \(text)\n", to: STDERR_FILENO)
  }

  /// A logger that writes what is at least as important as `level`.
  static func logger(_ level: Logger.Level) -> Logger {
    var logger = Logger(label: "vhost-device-sound") { _ in StandardErrorLog(logLevel: level) }
    logger.logLevel = level
    return logger
  }
}
