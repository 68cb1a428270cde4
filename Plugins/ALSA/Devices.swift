// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginABI
import PluginKit

/// Lists the PCMs of one direction that the configuration names and the cards have.
///
/// - Parameter standard: the one that streams without a device of their own use; listed even if it has no
///   entry, as most PCMs of an asound.conf have none.
func listDevices(_ direction: Direction, standard: Text, _ emit: (Device) -> Void) throws(BackendError) {
  var hints: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  let code = unsafe snd_device_name_hint(-1, "pcm", &hints)
  guard code >= 0, let hints = unsafe hints else { throw failure(code, "cannot list the PCMs") }
  defer { _ = unsafe snd_device_name_free_hint(hints) }
  var seen = false
  var index = 0
  while let hint = unsafe hints[index] {
    index += 1
    guard let name = unsafe word(hint, "NAME") else { continue }
    // Without an entry it is for both directions.
    if let way = unsafe word(hint, "IOID"), !way.is(direction == .playback ? "Output" : "Input") { continue }
    let isStandard = name == standard
    seen = seen || isStandard
    let title = unsafe word(hint, "DESC").map(oneLine) ?? name
    emit(Device(id: name, title: title, flags: VSND_DEVICE_PRESENT | (isStandard ? VSND_DEVICE_DEFAULT : 0)))
  }
  if !seen {
    emit(Device(id: standard, title: standard, flags: VSND_DEVICE_DEFAULT | VSND_DEVICE_PRESENT))
  }
}

@unsafe
private func word(_ hint: UnsafeMutableRawPointer, _ key: StaticString) -> Text? {
  let name = unsafe UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
  guard let found = unsafe snd_device_name_get_hint(hint, name) else { return nil }
  defer { unsafe free(found) }
  return unsafe Text(cString: found)
}

/// A description has a line for the card and one for the device.
private func oneLine(_ text: Text) -> Text {
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    if byte == UInt8(ascii: "\n") {
      bytes.append(contentsOf: [UInt8(ascii: ","), UInt8(ascii: " ")])
    } else {
      bytes.append(byte)
    }
  }
  return Text(bytes[...])
}
