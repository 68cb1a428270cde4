// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
package import Platform

extension MonotonicClock {
  /// Sleeps: for tests of what happens while another thread is slow, and for nothing else.
  package static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }
}
