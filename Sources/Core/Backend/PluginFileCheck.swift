// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Platform

/// Decides whether a file may be loaded: what it holds will run with all our rights.
package struct PluginFileCheck: Sendable {
  /// Who we are.
  package var user: UInt32
  /// The owner of the program itself: who could change that needs no backend to harm us.
  package var programOwner: UInt32?
  /// Whether a doubtful file is refused, not only warned about.
  package var isPrivileged: Bool

  package init(user: UInt32, programOwner: UInt32?, isPrivileged: Bool) {
    self.user = user
    self.programOwner = programOwner
    self.isPrivileged = isPrivileged
  }

  /// The check that fits this process.
  package static var current: PluginFileCheck {
    PluginFileCheck(
      user: ProcessFacts.user,
      programOwner: ProcessFacts.executable.flatMap(FileFacts.init(path:))?.owner,
      isPrivileged: ProcessFacts.isPrivileged)
  }

  /// Looks at `facts` of the file at `path`.
  ///
  /// - Returns: a warning for the user, nil when all is well.
  package func verdict(_ facts: FileFacts, path: String) throws(LoadError) -> String? {
    guard facts.isRegular else { throw LoadError(.refused, "\(path) is not a regular file") }
    let trusted = [0, user, programOwner]
    let doubt: String
    if !trusted.contains(facts.owner) {
      doubt = "\(path) belongs to user \(facts.owner)"
    } else if facts.mode & 0o022 != 0 {
      doubt = "\(path) can be changed by other users; chmod go-w would cure that"
    } else {
      return nil
    }
    if isPrivileged { throw LoadError(.refused, "\(doubt); not loaded with the rights of root") }
    return doubt
  }
}
