// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

extension StreamSpecification {
  /// Reads `output|input[,device=ID][,name=TEXT][,channels=N|MIN-MAX][,rates=HZ+HZ|all]
  /// [,formats=NAME+NAME|all][,nid=N]`.
  package init(parsing text: String) throws(SpecificationError) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    switch parts[0] {
    case "output": self.init(.output)
    case "input": self.init(.input)
    default:
      throw SpecificationError(
        description: "a stream begins with 'output' or 'input', not with '\(parts[0])'")
    }
    var seen: Set<Substring> = []
    for part in parts.dropFirst() {
      guard let equals = part.firstIndex(of: "=") else {
        throw SpecificationError(description: "'\(part)' is not KEY=VALUE; \(Self.keys)")
      }
      let key = part[..<equals]
      guard seen.insert(key).inserted else {
        throw SpecificationError(description: "\(key) is given twice")
      }
      let value = part[part.index(after: equals)...]
      guard !value.isEmpty else { throw SpecificationError(description: "\(key)= has no value") }
      try set(key, value)
    }
  }

  private static let keys = "known are device, name, channels, rates, formats and nid"

  private mutating func set(_ key: Substring, _ value: Substring) throws(SpecificationError) {
    switch key {
    case "device": device = String(value)
    case "name": name = String(value)
    case "channels": channels = try Self.channels(value)
    case "rates": rates = try Self.rates(value)
    case "formats": formats = try Self.formats(value)
    case "nid":
      guard let number = UInt32(value), number <= Self.highestNid else {
        throw SpecificationError(description: "nid must be 0 to \(Self.highestNid), not '\(value)'")
      }
      nid = number
    default: throw SpecificationError(description: "unknown key '\(key)'; \(Self.keys)")
    }
  }

  private static func channels(_ text: Substring) throws(SpecificationError) -> ClosedRange<UInt8> {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt8($0) }
    guard (1...2).contains(ends.count), let least = ends[0], let most = ends[ends.count - 1],
      1 <= least, least <= most, most <= mostChannels
    else {
      throw SpecificationError(
        description: "channels must be N or MIN-MAX within 1 to \(mostChannels), not '\(text)'")
    }
    return least...most
  }

  private static func rates(_ text: Substring) throws(SpecificationError) -> UInt64 {
    if text == "all" { return SampleRate.everything }
    var mask: UInt64 = 0
    for part in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let rate = UInt32(part).flatMap(SampleRate.init(hertz:)) else {
        throw SpecificationError(
          description: "unknown rate '\(part)'; known are \(SampleRate.names(in: SampleRate.everything))")
      }
      mask |= rate.bit
    }
    return mask
  }

  private static func formats(_ text: Substring) throws(SpecificationError) -> UInt64 {
    if text == "all" { return SampleFormat.offerable }
    var mask: UInt64 = 0
    for part in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let format = SampleFormat(name: part), format.bit & SampleFormat.offerable != 0 else {
        throw SpecificationError(
          description: "unknown format '\(part)'; known are \(SampleFormat.names(in: SampleFormat.offerable))"
        )
      }
      mask |= format.bit
    }
    return mask
  }
}
