// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Feeds arbitrary messages to a session: `scripts/fuzz session`.
@main
enum Main {
  static func main() {
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    _ = runFuzzer(&count, &arguments, testOneInput)
  }
}

/// One input; libFuzzer's own main, which the linker takes along, wants it under this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  if let broken = fuzzSession(UnsafeRawBufferPointer(start: bytes, count: count)) { fatalError(broken) }
  return 0
}
