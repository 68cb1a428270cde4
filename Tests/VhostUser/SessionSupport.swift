// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import TestSupport

@testable import VhostUser

/// A session over a scripted device, driven by a front-end without a socket.
struct Fixture {
  let device = ScriptedDevice()
  let session: Session
  let frontEnd: FrontEnd

  init() throws {
    session = Session(device: device) { _, _ in }
    frontEnd = try FrontEnd(driving: session)
  }

  /// Rings run, after QEMU's sequence.
  static func started(_ wanted: ProtocolFeatures = .offered) throws -> Fixture {
    let fixture = try Fixture()
    try fixture.frontEnd.negotiate(wanted)
    try fixture.frontEnd.start()
    _ = fixture.device.takeCalls()
    return fixture
  }

  /// Sends a request; true if it was acknowledged with success.
  func accepts(_ request: Request, _ payload: [UInt8] = [], _ descriptors: [Descriptor] = []) throws -> Bool {
    try frontEnd.request(request, payload, descriptors, needsReply: true) == .of(UInt64(0))
  }

  func number(_ request: Request, _ index: UInt32, _ number: UInt32) throws -> Bool {
    try accepts(request, RingNumber(index: index, number: number).encoded)
  }
}
