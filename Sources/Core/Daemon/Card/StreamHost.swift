// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend

/// The host's side of one stream, as the card steers it.
///
/// No call waits; answers come on any thread, once.
package protocol StreamHost: AnyObject {
  /// Whether audio contexts may be lent guest memory; else they are lent memory of the daemon's.
  var lendsGuestMemory: Bool { get }
  /// Opens the device.
  func prepare(_ parameters: OpenParameters, answer: @escaping @Sendable (BackendError?) -> Void)
  /// Lets audio flow; the feed is open to the audio context from now on.
  func start(answer: @escaping @Sendable (BackendError?) -> Void)
  /// Pauses; the feed is held already.
  func stop()
  /// Closes the device, or gives up a `prepare` that still waits.
  func release(_ mode: StopMode)
}

extension HostStream: StreamHost {}
