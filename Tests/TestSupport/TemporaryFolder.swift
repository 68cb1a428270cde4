// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation

/// A folder of one test, gone with it.
package final class TemporaryFolder {
  package let path: String

  package init() throws {
    path = NSTemporaryDirectory() + "vsnd-test-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  package func write(_ name: String, _ text: String) throws -> String {
    let file = "\(path)/\(name)"
    try text.write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }

  /// Makes a shared library of a line of C and returns its path.
  package func compile(_ name: String, _ code: String) throws -> String {
    let source = try write("\(name).c", code)
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-o", "\(path)/\(name)", source]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw CompilerFailed() }
    return "\(path)/\(name)"
  }

  package struct CompilerFailed: Error {}
}
