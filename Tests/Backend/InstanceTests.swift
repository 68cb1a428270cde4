// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Platform
import PluginABI
import Sound
import TestSupport
import Testing

@testable import Backend

@Suite("Calls of a backend")
struct InstanceTests {
  @Test(
    "each code of a backend has one answer for the guest (VS-023)",
    arguments: [
      (VSND_E_INVALID, HostFailure.badMessage), (VSND_E_UNSUPPORTED, .notSupported),
      (VSND_E_IO, .ioError), (VSND_E_BUSY, .ioError), (VSND_E_GONE, .ioError), (VSND_E_DENIED, .ioError),
      (VSND_E_TIMEOUT, .ioError), (VSND_E_NOMEM, .ioError), (-99, .ioError), (1, .ioError),
    ])
  func codes(code: Int32, answer: HostFailure) {
    #expect(BackendError(code: code).failure == answer)
    #expect(!BackendError(code: code).text.isEmpty)
  }

  @Test("the words of an errno follow the sentence of the backend")
  func systemErrorInWords() {
    let error = BackendError(code: VSND_E_IO, text: "cannot read /a.wav", osError: 2)

    #expect("\(error)" == "cannot read /a.wav: No such file or directory")
  }

  @Test("options, prepare and query reach the backend in the order of the calls")
  func order() throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()

    try instance.set(OptionSetting(key: "play", value: "x=y"))
    try instance.prepare()
    _ = try instance.query(.input, device: "mic")
    _ = try instance.query(.output)
    instance.destroy()

    #expect(
      backend.calls == ["create", "set play=x=y", "prepare", "query 1 mic", "query 0 default", "destroy"])
  }

  @Test("a failure carries code and sentence of the backend, as one line")
  func failure() throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()
    backend.fail(in: .prepare, code: VSND_E_GONE, text: "no server\nat all")

    let error = #expect(throws: BackendError.self) { try instance.prepare() }

    #expect(error == BackendError(code: VSND_E_GONE, text: "no server at all"))
  }

  @Test("a failure without a sentence gets one from its code")
  func failureWithoutText() throws {
    let backend = ScriptedBackend()
    backend.fail(in: .create, code: VSND_E_DENIED)

    let error = #expect(throws: BackendError.self) { _ = try backend.makeInstance() }

    #expect(error?.text == "permission denied")
  }

  @Test("a call that is not there is a failure, or nothing when it is optional")
  func missingCalls() throws {
    let backend = ScriptedBackend()
    backend.ops.pointee.set_option = nil
    backend.ops.pointee.prepare = nil
    backend.ops.pointee.extension = nil
    let instance = try backend.makeInstance()

    try instance.prepare()
    #expect(try instance.devices(.output).isEmpty)
    let error = #expect(throws: BackendError.self) { try instance.set(OptionSetting(key: "a", value: "b")) }
    #expect(error?.code == VSND_E_UNSUPPORTED)
  }

  @Test("what a device can do is cut down to what virtio can say (VS-065, VS-067)")
  func capabilities() throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()
    var caps = ScriptedBackend.everything
    caps.formats = .max
    caps.rates = .max
    caps.channels_min = 0
    caps.channels_max = 64
    caps.period_min = 32
    backend.answer(caps)

    let device = try instance.query(.output)

    #expect(device.formats == SampleFormat.offerable)
    #expect(device.rates == SampleRate.everything)
    #expect(device.channels == 1...18)
    #expect(device.period == FrameLimits(least: 32, most: 0))
  }

  @Test(
    "a device that can do nothing useful is a failure in words",
    arguments: [
      (UInt64(1), UInt64(1), UInt32(1), UInt32(2), "no format that a guest knows"),
      (2, 1 << 16, 1, 2, "no rate that a guest knows"), (2, 1, 3, 2, "3 to 2 channels"),
      (2, 1, 1, 0, "1 to 0 channels"), (2, 1, 19, 20, "19 to 20 channels"),
    ])
  func uselessDevice(formats: UInt64, rates: UInt64, least: UInt32, most: UInt32, text: String) throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()
    var caps = vsnd_caps_t()
    caps.formats = formats
    caps.rates = rates
    caps.channels_min = least
    caps.channels_max = most
    backend.answer(caps)

    let error = #expect(throws: BackendError.self) { _ = try instance.query(.output) }

    #expect(error?.text == "the backend reports \(text) for the device")
  }

  @Test("devices of the wanted direction are listed")
  func devices() throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()
    let speaker = HostDevice(
      direction: .output, id: "hw:0", title: "Speaker", isDefault: true, isPresent: true)
    let microphone = HostDevice(
      direction: .input, id: "hw:1", title: "Microphone", isDefault: false, isPresent: false)
    backend.answer(devices: [speaker, microphone])

    #expect(try instance.devices(.output) == [speaker])
    #expect(try instance.devices(.input) == [microphone])
  }

  @Test("events reach the listener, those of unknown kind and after its end do not")
  func events() throws {
    let backend = ScriptedBackend()
    let instance = try backend.makeInstance()
    let heard = Locked<[BackendEvent]>([])
    instance.listen { event in heard.withLock { $0.append(event) } }

    backend.notify(VSND_EVENT_LOST)
    backend.notify(VSND_EVENT_RESTORED)
    backend.notify(77)
    instance.listen(nil)
    backend.notify(VSND_EVENT_DEVICES)

    #expect(heard.withLock { $0 } == [.lost, .restored])
  }

  @Test("lines of a backend are logged under its name, with its level")
  func log() throws {
    let backend = ScriptedBackend()
    let log = RecordingLog()
    _ = try backend.makeInstance(log: log)

    backend.log(VSND_LOG_ERROR, "a")
    backend.log(VSND_LOG_WARNING, "b\u{1b}[1m")
    backend.log(VSND_LOG_INFO, "c")
    backend.log(9, "d")

    #expect(
      log.lines == [
        "error: scripted: a", "warning: scripted: b [1m", "info: scripted: c", "debug: scripted: d",
      ])
  }

  @Test("a talkative backend is cut off after twenty lines, and the log says how many it lost")
  func lineLimit() {
    var limit = LineLimit(earning: 500_000_000)
    var clock = ManualClock()

    let first = (0..<25).map { _ in limit.admit(at: clock.now) }
    clock.advance(milliseconds: 500)
    let later = limit.admit(at: clock.now)
    let next = limit.admit(at: clock.now)

    #expect(first.prefix(20).allSatisfy { $0 == 0 })
    #expect(first.suffix(5).allSatisfy { $0 == nil })
    #expect(later == 5)
    #expect(next == nil)
  }
}
