// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import ArgumentParser
import Backend
import Daemon
import Glibc

/// The status that the program ends with; scripts may rely on it.
enum ExitStatus {
  /// It did what was asked for, or ended on SIGTERM or SIGINT.
  static let success: Int32 = 0
  /// Something outside the command line is wrong: a backend, a device, a socket.
  static let failure: Int32 = 1
  /// The command line is wrong.
  static let wrongUse: Int32 = 2
}

@main
enum Main {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // Management tools ask an installed program before they know what else to say (VU-202).
    if arguments.contains("--print-capabilities") {
      write(Capabilities.json, to: STDOUT_FILENO)
      exit(ExitStatus.success)
    }
    do {
      try Options.parse(arguments).run()
      exit(ExitStatus.success)
    } catch let error as StartupError {
      complain(error.description, error.isWrongUse ? ExitStatus.wrongUse : ExitStatus.failure)
    } catch let error as LoadError {
      complain(error.description, ExitStatus.failure)
    } catch {
      // ArgumentParser's own: wrong use, or a wish for help that travels as an error.
      let text = Options.message(for: error)
      guard Options.exitCode(for: error).isSuccess else { complain(text, ExitStatus.wrongUse) }
      write(text + "\n", to: STDOUT_FILENO)
      exit(ExitStatus.success)
    }
  }

  /// Ends with exactly one line on standard error (VU-204).
  private static func complain(_ text: String, _ status: Int32) -> Never {
    let line = text.split(whereSeparator: \.isNewline).first ?? "it failed"
    write("vhost-device-sound: \(line)\n", to: STDERR_FILENO)
    exit(status)
  }
}

/// Writes all of `text`, in one call where the kernel takes it at once.
func write(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    // SAFETY: the count is that of the buffer.
    let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count <= 0 { return }
    rest = rest.dropFirst(count)
  }
}
