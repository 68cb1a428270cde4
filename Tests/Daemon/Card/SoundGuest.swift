// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import TestSupport
import VhostUser

/// The sound driver of a guest, behind a front-end: does what Linux does, and what no driver should.
final class SoundGuest {
  /// Numbers of the specification, written down anew (VS-022, VS-023).
  enum Ask: UInt32, CaseIterable {
    case jackInfo = 0x0001
    case pcmInfo = 0x0100
    case setParameters, prepare, release, start, stop
    case mapInfo = 0x0200
  }

  enum Status: UInt32 {
    case ok = 0x8000
    case badMessage, notSupported, ioError
  }

  /// What SET_PARAMS asks for (VS-070).
  struct Parameters {
    var buffer: UInt32 = 4 * 1920
    var period: UInt32 = 1920
    var features: UInt32 = 0
    var channels: UInt8 = 2
    /// S16.
    var format: UInt8 = 5
    /// 48000 Hz.
    var rate: UInt8 = 7

    var bytes: [UInt8] {
      .little(buffer) + .little(period) + .little(features) + [channels, format, rate, 0]
    }
  }

  /// Rings by their numbers (VS-002).
  static let control = 0, event = 1, transmit = 2, receive = 3

  let frontEnd: FrontEnd
  let memory: MemoryGuest
  private(set) var rings: [GuestRing] = []
  private let settle: () -> Void
  private let waits: Bool
  private var eventIndex = true
  /// Lengths of what came back, by head.
  private var returned: [[UInt16: UInt32]] = [[:], [:], [:], [:]]
  /// Everything that came back, in order.
  private(set) var history: [[GuestRing.Used]] = [[], [], [], []]

  /// - Parameters:
  ///   - waits: whether the device lives on other threads, so that its work takes time.
  ///   - settle: lets the device do what it has to.
  init(_ frontEnd: FrontEnd, waits: Bool, settle: @escaping () -> Void) {
    self.frontEnd = frontEnd
    self.waits = waits
    self.settle = settle
    memory = MemoryGuest(frontEnd.ram)
    rings = frontEnd.rings.indices.map(makeRing)
  }

  private func makeRing(_ index: Int) -> GuestRing {
    let size = frontEnd.rings[index].size
    return GuestRing(memory, frontEnd.ram.ring(index, size: size), size: Int(size))
  }

  // MARK: Life

  /// Creation of the device, and the start of the driver.
  ///
  /// - Parameter features: what the driver accepts; nil for everything.
  func boot(_ features: UInt64? = nil) throws {
    if frontEnd.features == 0 { try frontEnd.negotiate() }
    eventIndex = (features ?? frontEnd.features) & 1 << 29 != 0
    try frontEnd.start(features)
    settle()
  }

  /// VM pause, as QEMU says it.
  func pause() throws {
    try frontEnd.stop()
    settle()
  }

  func resume() throws {
    try frontEnd.start(withMemory: false)
    settle()
  }

  /// The guest begins anew, without a word: its rings are zero, and start at 0 (VU-132).
  func reboot() throws {
    try frontEnd.stop()
    settle()
    try bootAgain()
  }

  /// The second half of ``reboot()``.
  func bootAgain() throws {
    clearRings()
    try frontEnd.start(withMemory: false)
    settle()
  }

  /// Zeroes the rings, as a driver that begins does.
  func clearRings() { for index in frontEnd.rings.indices { clearRing(index) } }

  func clearRing(_ index: Int) {
    memset(memory.pointer(rings[index].descriptorTable), 0, 0x4000)
    frontEnd.rings[index].base = 0
    returned[index] = [:]
    history[index] = []
    rings[index] = makeRing(index)
  }

  /// What a front-end says of the guest's memory when it adds or removes it.
  var region: [UInt8] { .of(UInt64(0)) + frontEnd.ram.range.encoded }

  /// Says the same memory again, which is mapped anew.
  func shareAnew() throws {
    let table: [UInt8] = .of(UInt32(1)) + .of(UInt32(0)) + frontEnd.ram.range.encoded
    try frontEnd.demand(.setMemoryTable, table, [frontEnd.ram.file])
    settle()
  }

  /// Lets a ring that has not been used begin in other memory, with its messages.
  func move(_ index: Int, to ram: GuestRAM) throws {
    let size = frontEnd.rings[index].size
    _ = try frontEnd.stopRing(index)
    try frontEnd.demand(.setRingAddresses, ram.ring(index, size: size).encoded)
    try frontEnd.demand(.setRingKick, frontEnd.ringDescriptor(index), [frontEnd.rings[index].kick])
    try frontEnd.demand(.setRingCall, frontEnd.ringDescriptor(index), [frontEnd.rings[index].call])
    rings[index] = GuestRing(MemoryGuest(ram), ram.ring(index, size: size), size: Int(size))
    settle()
  }

  /// Changes the index that the device keeps in its memory.
  func setUsedIndex(_ index: Int, _ value: UInt16) {
    memory.write(.little(value), at: rings[index].usedRing + 2)
  }

  /// Becomes `other`, which is paused and has nothing in flight, behind another front-end.
  func takeOver(_ other: SoundGuest) {
    for index in rings.indices {
      let ring = other.rings[index]
      memory.write(other.memory.read(0x4000, at: ring.descriptorTable), at: rings[index].descriptorTable)
      frontEnd.rings[index].base = other.frontEnd.rings[index].base
      rings[index] = GuestRing(
        memory, size: ring.size, start: ring.nextAvail, descriptorTable: ring.descriptorTable,
        availRing: ring.availRing, usedRing: ring.usedRing)
    }
  }

  // MARK: Messages

  /// Whether the device wants a kick for the next buffer.
  func wantsKick(_ index: Int) -> Bool {
    eventIndex ? rings[index].availEvent == rings[index].nextAvail : rings[index].usedFlags & 1 == 0
  }

  /// Shows the device what was added, with a kick if it wants one.
  func publish(_ index: Int, _ count: UInt16 = 1) {
    rings[index].publish()
    if rings[index].mustKick(afterAdding: count, eventIndex: eventIndex) {
      frontEnd.rings[index].kick.signal()
    }
    settle()
  }

  /// Adds a message without showing it to the device.
  func add(_ index: Int, _ readable: [[UInt8]], _ writable: [Int]) -> GuestRing.Message {
    collect(index)
    let message = rings[index].send(readable, writable.map { [UInt8](repeating: 0xEE, count: $0) })
    returned[index][message.head] = nil
    return message
  }

  @discardableResult
  func send(_ index: Int, _ readable: [[UInt8]], _ writable: [Int]) -> GuestRing.Message {
    let message = add(index, readable, writable)
    publish(index)
    return message
  }

  @discardableResult
  func play(_ data: [UInt8], stream: UInt32 = 0) -> GuestRing.Message {
    send(Self.transmit, [.little(stream), data], [8])
  }

  @discardableResult
  func record(_ count: Int, stream: UInt32 = 1) -> GuestRing.Message {
    send(Self.receive, [.little(stream)], [count, 8])
  }

  /// Gives the device a buffer for an event.
  @discardableResult
  func awaitEvent(_ size: Int = 8) -> GuestRing.Message { send(Self.event, [], [size]) }

  private func collect(_ index: Int) {
    settle()
    for entry in rings[index].takeUsed() {
      history[index].append(entry)
      if let head = UInt16(exactly: entry.id) { returned[index][head] = entry.length }
    }
  }

  /// Everything that came back on a ring so far.
  func used(_ index: Int) -> [GuestRing.Used] {
    collect(index)
    return history[index]
  }

  /// The bytes of the used length, nil while the message is not back.
  func answer(_ message: GuestRing.Message, on index: Int = control) -> [UInt8]? {
    collect(index)
    guard let length = returned[index][message.head] else { return nil }
    return Array(rings[index].gather(message.writable).prefix(Int(length)))
  }

  /// How often the driver was notified since the last call.
  func notifications(_ index: Int) -> UInt64 {
    var count: UInt64 = 0
    return read(frontEnd.rings[index].call.raw, &count, 8) == 8 ? count : 0
  }

  /// Waits until the condition holds, ten seconds at most; no time at all for a device that lives here.
  func waits(until condition: () -> Bool) -> Bool {
    settle()
    guard waits else { return condition() }
    for _ in 0..<5000 {
      if condition() { return true }
      usleep(2000)
    }
    return condition()
  }

  /// Waits for the answer to a control message.
  func finish(_ message: GuestRing.Message) -> [UInt8]? {
    _ = waits { answer(message) != nil }
    return answer(message)
  }

  // MARK: Requests

  /// Sends a control request; its answer has room for `room` bytes.
  func ask(_ bytes: [UInt8], room: Int = 4) -> GuestRing.Message { send(Self.control, [bytes], [room]) }

  func ask(_ ask: Ask, _ stream: UInt32 = 0, _ parameters: Parameters? = nil) -> GuestRing.Message {
    let usual = ask == .setParameters ? Parameters() : nil
    return self.ask(.little(ask.rawValue) + .little(stream) + ((parameters ?? usual)?.bytes ?? []))
  }

  /// The status in an answer, nil while there is none.
  func status(_ message: GuestRing.Message) -> Status? {
    answer(message).flatMap { $0.count == 4 ? Status(rawValue: $0.number) : nil }
  }

  /// Sends a PCM request and waits for its status; nil when none came.
  func request(_ ask: Ask, _ stream: UInt32 = 0, _ parameters: Parameters? = nil) -> Status? {
    let message = self.ask(ask, stream, parameters)
    _ = waits { self.status(message) != nil }
    let status = self.status(message)
    if status != nil { rings[Self.control].free(message, cut: .fields) }
    return status
  }

  /// Asks for all items of a kind (VS-040).
  func query(_ code: UInt32, count: UInt32, size: UInt32) -> GuestRing.Message {
    self.ask(.little(code) + .little(UInt32(0)) + .little(count) + .little(size), room: 4 + Int(count * size))
  }

  /// Sends requests one after the other, until one is not answered with OK.
  @discardableResult
  func requests(_ asks: [Ask], _ stream: UInt32 = 0, _ parameters: Parameters? = nil) -> Status? {
    for ask in asks {
      let status = self.request(ask, stream, ask == .setParameters ? parameters : nil)
      if status != .ok { return status }
    }
    return .ok
  }
}
