// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// The guest's memory (VU section 5). Files are closed once they are mapped.

extension Session {
  func setMemoryTable(_ message: Message) throws(Refused) {
    guard let count = message.payload.number(UInt32.self, at: 0),
      UInt64(message.payload.count) == 8 + UInt64(count) * UInt64(MemoryRange.size)
    else { throw Refused("its size is not that of its regions") }
    // The comparison above bounds the count.
    let ranges = (0..<Int(count)).compactMap {
      MemoryRange(message.payload, at: 8 + $0 * MemoryRange.size)
    }
    try change { table throws(MemoryError) in try table.replace(ranges, message.descriptors) }
  }

  func addMemoryRegion(_ message: Message) throws(Refused) {
    guard let range = MemoryRange(message.payload, at: 8), let file = message.descriptors.first else {
      throw Refused("it is too short")
    }
    try change { table throws(MemoryError) in try table.add(range, file) }
  }

  func removeMemoryRegion(_ message: Message) throws(Refused) {
    guard let range = MemoryRange(message.payload, at: 8) else { throw Refused("it is too short") }
    try change { table throws(MemoryError) in try table.remove(range) }
  }

  private func change(_ body: (inout MemoryTable) throws(MemoryError) -> Void) throws(Refused) {
    do {
      try body(&memory)
    } catch {
      throw Refused(error.description)
    }
    // The device lets go of the old memory before it returns: only then is it acknowledged (VU-058).
    device.replaceMemory(memory.memory)
    startReadyRings()
  }
}
