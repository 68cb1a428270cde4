// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The numbers of the virtio sound device, OASIS virtio 1.3, section 5.14; nobody else writes a literal.

/// Request codes of the control queue (VS-022).
package enum ControlCode: UInt32, CaseIterable, Sendable {
  case jackInfo = 0x0001
  case jackRemap = 0x0002
  case pcmInfo = 0x0100
  case pcmSetParams = 0x0101
  case pcmPrepare = 0x0102
  case pcmRelease = 0x0103
  case pcmStart = 0x0104
  case pcmStop = 0x0105
  case chmapInfo = 0x0200
}

/// What a request is answered with (VS-023).
package enum ControlStatus: UInt32, Error, Sendable {
  case ok = 0x8000
  case badMessage = 0x8001
  case notSupported = 0x8002
  case ioError = 0x8003
}

/// Stream features (VS-062); shared memory is never offered.
package struct StreamFeatures: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The guest need not kick tx and rx while streams run (VS-063).
  package static let messagePolling = StreamFeatures(rawValue: 1 << 2)
  /// The guest wants xrun events (VS-147).
  package static let xrunEvents = StreamFeatures(rawValue: 1 << 4)

  package static let offered: StreamFeatures = [.messagePolling, .xrunEvents]
}

/// Virtio features of the device (VS-011).
package enum DeviceFeature {
  package static let notifyOnEmpty: UInt64 = 1 << 24
  package static let indirectDescriptors: UInt64 = 1 << 28
  package static let eventIndex: UInt64 = 1 << 29
  package static let version1: UInt64 = 1 << 32

  package static let offered = notifyOnEmpty | indirectDescriptors | eventIndex | version1
}

/// The four virtqueues (VS-002).
package enum QueueIndex {
  package static let control = 0
  package static let event = 1
  package static let transmit = 2
  package static let receive = 3
  package static let count = 4
}

/// Codes of the event queue (VS-140).
package enum EventCode {
  package static let xrun: UInt32 = 0x1101
  /// Bytes of one event (VS-142).
  package static let size: UInt32 = 8
}

/// Bounds of SET_PARAMS.
package enum ParameterLimit {
  /// Bytes of a guest's buffer (VS-074): ten times what Linux asks for in the widest format offered.
  package static let bufferBytes: UInt32 = 16 << 20
}

/// Bounds of an answer.
enum AnswerLimit {
  /// Bytes of one answer (VS-193): 64 items, each 16 times as large as any that is known.
  static let bytes: UInt32 = 64 << 10
}

/// Bytes of a request up to its last field, and of an item (VS-040, VS-060, VS-070, VS-155).
enum LayoutSize {
  static let header = 4
  static let queryInfo = 16
  static let pcmHeader = 8
  static let setParams = 24
  static let jackRemap = 16
  static let pcmInfo = 32
  static let chmapInfo = 24
}
