// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("Every backend: the shape of its tables")
struct ShapeTests {
  static let names = ["null", "file", "fault", "fault-thread"]

  @Test("the facts that the header requires are there", arguments: names)
  func facts(name: String) throws {
    let plugin = try LoadedPlugin(name).info.pointee

    #expect(plugin.size == UInt32(MemoryLayout<vsnd_plugin_t>.size))
    #expect(plugin.name.map { String(cString: $0) } == name)
    #expect(plugin.version != nil)
    #expect(plugin.license.map { String(cString: $0) } == "Apache-2.0 OR BSD-3-Clause")
    #expect(plugin.summary != nil)
  }

  @Test("all required calls are there", arguments: names)
  func requiredCalls(name: String) throws {
    let plugin = try LoadedPlugin(name)

    #expect(plugin.ops.size == UInt32(MemoryLayout<vsnd_backend_ops_t>.size))
    #expect(plugin.ops.create != nil)
    #expect(plugin.ops.query != nil)
    #expect(plugin.ops.open != nil)
    #expect(plugin.ops.start != nil)
    #expect(plugin.ops.process != nil)
    #expect(plugin.ops.stop != nil)
    #expect(plugin.ops.close != nil)
    #expect(plugin.ops.destroy != nil)
  }

  @Test("the entry gives the same answer each time", arguments: names)
  func pureEntry(name: String) throws {
    #expect(try LoadedPlugin(name).info == LoadedPlugin(name).info)
  }

  @Test("every option has a key, a known type, help, and a default that is accepted", arguments: names)
  func options(name: String) throws {
    let plugin = try LoadedPlugin(name)
    let instance = try Instance(plugin, FakeHost())
    var index = 0
    while let option = plugin.info.pointee.options?[index]?.pointee {
      let key = try #require(option.key.map { String(cString: $0) })
      #expect(key.wholeMatch(of: /[a-z][a-z0-9-]*/) != nil)
      #expect(option.type <= VSND_OPTION_CHOICE)
      #expect(option.help.map { String(cString: $0) }?.isEmpty == false)
      #expect((option.choices != nil) == (option.type == VSND_OPTION_CHOICE))
      if let fallback = option.fallback { try instance.set(key, String(cString: fallback)) }
      index += 1
    }
  }

  @Test("an unknown option is refused in words", arguments: names)
  func unknownOption(name: String) throws {
    let instance = try Instance(LoadedPlugin(name), FakeHost())

    let failure = #expect(throws: PluginFailure.self) { try instance.set("no-such-option", "1") }

    #expect(failure?.code == VSND_E_INVALID)
    #expect(failure?.text == "there is no option no-such-option")
  }

  @Test(
    "one symbol is exported, only the C library is needed, and the library stays loaded",
    arguments: names)
  func symbols(name: String) throws {
    let path = try LoadedPlugin(name).path

    let defined = try readelf("--dyn-syms", path).filter { $0.contains("GLOBAL") && !$0.contains(" UND ") }
    let dynamic = try readelf("-d", path)

    #expect(defined.count == 1)
    #expect(defined.first?.hasSuffix(" vsnd_plugin_v1") == true)
    #expect(dynamic.filter { $0.contains("(NEEDED)") }.allSatisfy { $0.contains("[libc.so.6]") })
    #expect(dynamic.contains { $0.contains("NODELETE") })
    #expect(!dynamic.contains { $0.contains("SONAME") })
  }

  @Test(
    "ten thousand instances leave no memory, descriptor or thread behind",
    .enabled(if: !Usage.isSanitized, "sanitizers keep freed memory back"), arguments: names)
  func noGrowth(name: String) async throws {
    // A process of its own: other tests would count too.
    await #expect(processExitsWith: .success) { [name = name as String] in
      let plugin = try LoadedPlugin(name)
      let host = FakeHost()
      let sink = ErrorSink()
      func createAndDestroy(_ times: Int) throws {
        for _ in 0..<times {
          var handle: OpaquePointer?
          #expect(plugin.calls.create(host.table, &handle, sink.handle) == VSND_OK)
          let instance = try present(handle)
          #expect(plugin.calls.prepare(instance, sink.handle) == VSND_OK)
          plugin.calls.destroy(instance)
        }
      }
      _ = Usage.now()
      try createAndDestroy(100)
      let before = Usage.now()

      try createAndDestroy(10_000)

      let after = Usage.now()
      // The test's own runtime opens and starts a few, whenever it likes.
      #expect(after.descriptors < before.descriptors + 20)
      #expect(after.threads < before.threads + 20)
      // Ten thousand times 105 bytes would show; the pages of a process come and go by themselves.
      #expect(after.residentKiB < before.residentKiB + 1024)
    }
  }

  @Test("an older daemon's shorter table is read no further than it goes", arguments: names)
  func olderHost(name: String) throws {
    let withoutReports = try #require(MemoryLayout<vsnd_host_t>.offset(of: \.xrun))
    let instance = try LoadedPlugin(name).instance(host: FakeHost(size: withoutReports))
    let feed = FakeFeed(recording: 100, frameBytes: 4)
    let stream = try instance.open(Shape(direction: VSND_CAPTURE), feed)

    try stream.run(step: 50)

    #expect(feed.committed == 100)
  }

  @Test("a daemon that cannot lend frames is refused", arguments: names)
  func uselessHost(name: String) throws {
    let withoutLoans = try #require(MemoryLayout<vsnd_host_t>.offset(of: \.acquire))
    let plugin = try LoadedPlugin(name)

    let failure = #expect(throws: PluginFailure.self) {
      try Instance(plugin, FakeHost(size: withoutLoans))
    }

    #expect(failure?.code == VSND_E_UNSUPPORTED)
  }

  @Test("parameters that contradict themselves are refused", arguments: names)
  func contradiction(name: String) throws {
    let instance = try LoadedPlugin(name).instance()

    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(Shape(format: 0), FakeFeed(playing: [], frameBytes: 1))
    }

    #expect(failure?.code == VSND_E_INVALID)
  }

  private func readelf(_ flag: String, _ path: String) throws -> [String] {
    let output = try present(popen("readelf -W \(flag) '\(path)'", "r"))
    defer { pclose(output) }
    var text = ""
    var line = [CChar](repeating: 0, count: 4096)
    while let start = fgets(&line, Int32(line.count), output) { text += String(cString: start) }
    return text.split(separator: "\n").map { String($0.trimmingCharacters(in: .whitespaces)) }
  }
}

/// What this process holds.
struct Usage {
  let descriptors: Int
  let threads: Int
  let residentKiB: Int

  /// Whether a sanitizer's allocator is in this process.
  static let isSanitized =
    dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

  static func now() -> Usage {
    func count(_ folder: String) -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(folder)").count) ?? 0
    }
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Usage(
      descriptors: count("fd"), threads: count("task"), residentKiB: Int(line.filter(\.isNumber)) ?? 0)
  }
}
