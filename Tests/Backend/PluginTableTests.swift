// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Platform
import PluginABI
import TestSupport
import Testing

@testable import Backend

@Suite("Tables of backends")
struct PluginTableTests {
  private func read(_ backend: ScriptedBackend) throws -> Plugin {
    try Plugin(table: backend.plugin, path: "x.so", logger: RecordingLog().logger)
  }

  private func refusal(_ change: (ScriptedBackend) -> Void) -> String? {
    let backend = ScriptedBackend()
    change(backend)
    return #expect(throws: LoadError.self) { _ = try read(backend) }?.description
  }

  @Test("what a backend says about itself is copied")
  func copiesFacts() throws {
    let plugin = try read(ScriptedBackend())

    #expect(plugin.name == "scripted")
    #expect(plugin.version == "1.2")
    #expect(plugin.license == "Apache-2.0 OR BSD-3-Clause")
    #expect(plugin.capabilities.contains([.ownThread, .parallel]))
    #expect(plugin.tableSizes == (80, 96))
  }

  @Test("the floors are the sizes through the last required fields, and R1 keeps them")
  func floors() {
    #expect(MemoryLayout<vsnd_plugin_t>.offset(of: \.ops) == TableFloor.plugin - 8)
    #expect(MemoryLayout<vsnd_backend_ops_t>.offset(of: \.destroy) == TableFloor.ops - 8)
    #expect(MemoryLayout<vsnd_option_t>.offset(of: \.help) == TableFloor.option - 8)
    #expect(MemoryLayout<vsnd_device_t>.offset(of: \.title) == TableFloor.device - 8)
    #expect(MemoryLayout<vsnd_devices_t>.offset(of: \.enumerate) == TableFloor.devices - 8)
    #expect(MemoryLayout<vsnd_timing_t>.offset(of: \.when_ns) == Int(AudioCalls.timingWithTime) - 8)
    #expect(MemoryLayout<vsnd_timing_t>.offset(of: \.delay_frames) == Int(AudioCalls.timingWithDelay) - 8)
  }

  @Test("the time that comes with a commit lets its delay age, if the backend knew of it (VS-120)")
  func timing() throws {
    let bench = try TransferBench(isCapture: false)
    let sizes = [AudioCalls.timingWithDelay, AudioCalls.timingWithTime, 0]
    let messages = sizes.map { size in
      let message = bench.ring.play(.pattern(16))
      bench.ring.publish()
      _ = bench.borrow(4)
      var timing = vsnd_timing_t(
        size: size, reserved: 0, when_ns: MonotonicClock.now - 50_000_000, delay_frames: 48_000)
      AudioCalls.commit(OpaquePointer(bench.feeds[0]), 4, &timing)
      return message
    }

    let latencies = messages.map { bench.ring.status(of: $0).latency }
    #expect(latencies[0] > 0)
    #expect(latencies[0] <= (48_000 - 2400) * 4)
    #expect(latencies[1...] == [0, 0])
  }

  @Test("a table of calls from an older backend reads as NULL where it ends")
  func olderTable() throws {
    let backend = ScriptedBackend()
    backend.ops.pointee.size = 88

    let plugin = try read(backend)

    #expect(plugin.calls.ext == nil)
    #expect(try backend.makeInstance().listsDevices == false)
  }

  @Test("tables from a newer backend are read as far as they are known")
  func newerTable() throws {
    let backend = ScriptedBackend()
    backend.plugin.pointee.size = 4096
    backend.ops.pointee.size = 4096

    // What lies behind our tables is not read: it is not even there.
    #expect(try read(backend).tableSizes == (4096, 4096))
  }

  @Test("a size below the first release, or an absurd one, is refused", arguments: [0, 4, 79, 1 << 20])
  func badSize(size: UInt32) {
    #expect(refusal { $0.plugin.pointee.size = size } == "x.so: its table has the wrong size")
    #expect(
      refusal { $0.ops.pointee.size = size }
        == "x.so: its table of calls is missing or has the wrong size")
  }

  @Test("every required field is missed by name")
  func missingFields() {
    #expect(
      refusal { $0.plugin.pointee.name = nil }
        == "x.so: its name is missing or not made of small letters, digits and -")
    #expect(refusal { $0.plugin.pointee.version = nil } == "x.so: its version is missing")
    #expect(
      refusal { $0.plugin.pointee.license = nil } == "x.so: its licence is missing or not an SPDX expression")
    #expect(
      refusal { $0.plugin.pointee.ops = nil }
        == "x.so: its table of calls is missing or has the wrong size")
    #expect(refusal { $0.ops.pointee.create = nil } == "x.so: its call create is missing")
    #expect(refusal { $0.ops.pointee.query = nil } == "x.so: its call query is missing")
    #expect(refusal { $0.ops.pointee.open = nil } == "x.so: its call open is missing")
    #expect(refusal { $0.ops.pointee.start = nil } == "x.so: its call start is missing")
    #expect(refusal { $0.ops.pointee.stop = nil } == "x.so: its call stop is missing")
    #expect(refusal { $0.ops.pointee.close = nil } == "x.so: its call close is missing")
    #expect(refusal { $0.ops.pointee.destroy = nil } == "x.so: its call destroy is missing")
  }

  @Test("process() is required of a backend without its own thread only")
  func processIsRequiredWithoutThread() throws {
    let own = ScriptedBackend()
    own.ops.pointee.process = nil
    let lent = ScriptedBackend(capabilities: [.playback])
    lent.ops.pointee.process = nil

    _ = try read(own)
    let error = #expect(throws: LoadError.self) { _ = try read(lent) }
    #expect(error?.description == "x.so: its call process is missing")
  }

  @Test(
    "a licence is an SPDX expression or refused",
    arguments: [
      ("MIT", true), ("GPL-2.0-or-later WITH Classpath-exception-2.0", true), ("(MIT OR Apache-2.0)", true),
      ("", false), ("MIT OR", false), ("free for all", false), ("MIT Apache-2.0", false),
    ])
  func licences(text: String, valid: Bool) { #expect(PluginLicense.isPlausible(text) == valid) }

  @Test("options are copied with type, default and choices")
  func copiesOptions() throws {
    let backend = ScriptedBackend()
    var entry = vsnd_option_t(
      size: 40, type: VSND_OPTION_CHOICE, key: strdup("clock"), fallback: strdup("realtime"),
      choices: strdup("realtime|free"), help: strdup("what paces it"))
    try withUnsafePointer(to: &entry) { entry in
      let table: [UnsafePointer<vsnd_option_t>?] = [entry, nil]
      try table.withUnsafeBufferPointer { table in
        backend.plugin.pointee.options = table.baseAddress
        let plugin = try read(backend)
        #expect(
          plugin.options == [
            PluginOption(
              key: "clock", kind: .choice, fallback: "realtime", choices: ["realtime", "free"],
              help: "what paces it")
          ])
      }
    }
  }
}
