// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

internal import CPlatform
import Glibc

/// What the kernel says about this process.
package enum ProcessFacts {
  /// The effective user.
  package static var user: UInt32 { geteuid() }

  /// Whether somebody else could gain by what this process is made to load: it is root, or it runs with more
  /// rights than its caller has (AT_SECURE).
  package static var isPrivileged: Bool { geteuid() == 0 || vsnd_is_secure() != 0 }

  /// The file that this process runs, or nil where /proc is missing.
  package static var executable: String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the count is that of the buffer.
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// An environment variable, unless the process runs with more rights than its caller (C function:
  /// secure_getenv).
  package static func environment(_ name: String) -> String? {
    guard let value = unsafe vsnd_secure_getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
