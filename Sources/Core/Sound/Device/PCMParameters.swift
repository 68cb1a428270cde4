// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// What a guest asked for with SET_PARAMS, checked against the offer (VS-070…076).
package struct PCMParameters: Equatable, Sendable {
  package let bufferBytes: UInt32
  package let periodBytes: UInt32
  package let features: StreamFeatures
  package let channels: UInt8
  package let format: SampleFormat
  package let rate: SampleRate

  package var frameBytes: UInt32 { UInt32(channels) * format.containerBytes }
  package var periodFrames: UInt32 { periodBytes / frameBytes }
  package var bufferFrames: UInt32 { bufferBytes / frameBytes }

  /// Reads the request.
  ///
  /// - Parameter bytes: at least the whole structure.
  /// - Throws: notSupported for values that exist but are not offered, and for unknown ones (VS-072);
  ///   badMessage for sizes that cannot be (VS-073).
  init(_ bytes: [UInt8], offer: StreamOffer) throws(ControlStatus) {
    guard let buffer = bytes.field(UInt32.self, at: 8), let period = bytes.field(UInt32.self, at: 12),
      let features = bytes.field(UInt32.self, at: 16), bytes.count >= LayoutSize.setParams
    else { throw .badMessage }
    let wanted = StreamFeatures(rawValue: features)
    guard StreamFeatures.offered.isSuperset(of: wanted) else { throw .notSupported }
    guard offer.channels.contains(bytes[20]) else { throw .notSupported }
    guard let format = SampleFormat(rawValue: bytes[21]), offer.formats & format.bit != 0,
      let rate = SampleRate(rawValue: bytes[22]), offer.rates & rate.bit != 0
    else { throw .notSupported }
    self.features = wanted
    channels = bytes[20]
    self.format = format
    self.rate = rate
    bufferBytes = buffer
    periodBytes = period
    guard period > 0, buffer > 0, buffer % period == 0 else { throw .badMessage }
    guard period % (UInt32(channels) * format.containerBytes) == 0 else { throw .badMessage }
    guard buffer <= ParameterLimit.bufferBytes else { throw .notSupported }
  }
}
