// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Sound
import TestSupport

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Feeds arbitrary bytes to the part that FUZZ names, under libFuzzer: `scripts/fuzz NAME`.
@main
enum Main {
  static let part = ProcessInfo.processInfo.environment["FUZZ"] ?? "session"
  static let card: CardDescription = {
    let everything = DeviceCapabilities(
      formats: SampleFormat.offerable, rates: SampleRate.everything, channels: 1...18)
    let offers = StreamSpecification.standard.enumerated().compactMap { index, stream in
      try? StreamOffer(stream, index: index, on: everything)
    }
    return CardDescription(offers: offers)
  }()

  static func main() {
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    _ = runFuzzer(&count, &arguments, testOneInput)
  }
}

/// One input; libFuzzer's own main, which the linker takes along, wants it under this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  let broken =
    switch Main.part {
    case "transfer": fuzzTransfer(input)
    case "control": fuzzControl(input, card: Main.card)
    default: fuzzSession(input)
    }
  if let broken { fatalError(broken) }
  return 0
}
