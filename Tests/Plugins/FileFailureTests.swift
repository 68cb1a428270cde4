// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The file backend: what can go wrong")
struct FileFailureTests {
  let folder: Folder
  let plugin: LoadedPlugin

  init() throws {
    folder = try Folder()
    plugin = try LoadedPlugin("file")
  }

  @Test("a full disk is reported once, and nothing that was not written is taken from the guest")
  func diskFull() throws {
    let host = FakeHost()
    let feed = FakeFeed(playing: pattern(4000), frameBytes: 4)
    let stream = try plugin.instance(["play": "/dev/full"], host: host).open(Shape(), feed)

    try stream.start()
    for _ in 0..<3 { stream.process(due: 100) }
    stream.stop(VSND_STOP_DISCARD)

    #expect(feed.failures == [VSND_E_IO])
    #expect(feed.committed == 0)
    #expect(feed.violations == 0)
    #expect(host.logged.map(\.text) == ["cannot write to /dev/full: No space left on device"])
  }

  @Test("a write that is cut in mid-frame loses and doubles nothing, and goes on when there is room")
  func shortWrite() async throws {
    // The limit holds for a whole process.
    await #expect(processExitsWith: .success) { [path = folder.file("out.wav") as String] in
      let host = FakeHost()
      let instance = try LoadedPlugin("file").instance(["play": path], host: host)
      let feed = FakeFeed(playing: pattern(4000), frameBytes: 4)
      feed.cuts = [13]
      let limit = try FileSizeLimit(bytes: 1010)
      do {
        let stream = try instance.open(Shape(), feed)
        try stream.start()
        stream.process(due: 1000)
        stream.stop(VSND_STOP_DISCARD)
      }
      limit.end()
      #expect(feed.failures == [VSND_E_IO])
      #expect(feed.committed == 241)
      #expect(try WAV(path).sound == Array(pattern(4000)[..<964]))

      let again = try instance.open(Shape(), feed)
      try again.start()
      again.process(due: 1000)

      #expect(try WAV(path).sound == pattern(4000))
      #expect(
        host.logged.map(\.text) == ["cannot write to \(path): File too large", "writing to \(path) goes on"])
    }
  }

  @Test(
    "a full disk refuses the next PREPARE, without another line in the log",
    .enabled(if: SmallDisk.isPossible, "needs the right to mount a tmpfs"))
  func diskStillFull() async throws {
    let small = try SmallDisk()
    #expect(small.isMounted)
    let host = FakeHost()
    let instance = try plugin.instance(["play": small.file("out.raw")], host: host)
    let feed = FakeFeed(playing: pattern(100_000), frameBytes: 4)
    do {
      let stream = try instance.open(Shape(), feed)
      try stream.start()
      stream.process(due: 25_000)
      stream.stop(VSND_STOP_DISCARD)
    }
    #expect(feed.failures == [VSND_E_IO])

    let failure = #expect(throws: PluginFailure.self) { try instance.open(Shape(), feed) }

    #expect(failure?.systemError == ENOSPC)
    #expect(failure?.text == "cannot write to \(small.file("out.raw"))")
    #expect(host.logged.count == 1)
  }

  @Test(
    "what cannot be written or read is refused at the start, with the path",
    arguments: [
      ("play", "/nonexistent/out.wav", "cannot write to /nonexistent", ENOENT),
      ("play", "/", "/ is not a regular file", 0),
      ("play", "/dev/null.wav/x", "cannot write to /dev/null.wav", ENOENT),
      ("record", "/nonexistent.wav", "cannot read /nonexistent.wav", ENOENT),
      ("record", "/nonexistent-%i.raw", "cannot read /nonexistent-0.raw", ENOENT),
      ("record", "/etc/passwd", "", 0), ("record", "/etc", "/etc is not a regular file", 0),
    ])
  func refusedAtStart(key: String, path: String, text: String, systemError: Int32) throws {
    let instance = try Instance(plugin, FakeHost())
    try instance.set(key, path)
    var failure: PluginFailure?
    do { try check { plugin.calls.prepare(instance.handle, $0) } } catch { failure = error as? PluginFailure }

    #expect((failure?.text ?? "") == text)
    #expect((failure?.systemError ?? 0) == systemError)
  }

  @Test("a pipe is refused, for it could hold up the guest")
  func pipe() throws {
    mkfifo(folder.file("pipe"), 0o600)

    let failure = #expect(throws: PluginFailure.self) { try plugin.instance(["play": folder.file("pipe")]) }

    #expect(failure?.text == "\(folder.file("pipe")) is not a regular file")
  }

  @Test("a record file that is no WAV is refused at the start", arguments: [[], pattern(8), pattern(100)])
  func notWAV(bytes: [UInt8]) throws {
    let path = try folder.write("in.wav", bytes)

    let failure = #expect(throws: PluginFailure.self) { try plugin.instance(["record": path]) }

    #expect(failure?.code == VSND_E_INVALID)
    #expect(failure?.text == "\(path) is not a WAV file")
  }

  @Test("a WAV file of a rate that virtio does not have is refused at the start")
  func oddRate() throws {
    let path = try folder.write("in.wav", wavFile(rate: 12_345, sound: pattern(40)))

    let failure = #expect(throws: PluginFailure.self) { try plugin.instance(["record": path]) }

    #expect(failure?.code == VSND_E_UNSUPPORTED)
    #expect(
      failure?.text
        == "\(path) has 16 bits of WAV format 1, 12345 Hz, 2 channels, which no guest can record")
  }

  @Test("a record file that is taken away is IO_ERR at the next PREPARE")
  func vanished() throws {
    let path = try folder.write("in.raw", pattern(400))
    let instance = try plugin.instance(["record": path])
    try FileManager.default.removeItem(atPath: path)

    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(Shape(direction: VSND_CAPTURE), FakeFeed(recording: 1, frameBytes: 4))
    }

    #expect(failure == PluginFailure(code: VSND_E_IO, systemError: ENOENT, text: "cannot read \(path)"))
  }

  @Test(
    "a wrong value of an option is refused in words",
    arguments: [("loop", "yes"), ("clock", "fast"), ("split", "-1")])
  func wrongOption(key: String, value: String) throws {
    let instance = try Instance(plugin, FakeHost())

    let failure = #expect(throws: PluginFailure.self) { try instance.set(key, value) }

    #expect(failure?.text == "option \(key) cannot be \"\(value)\"")
  }

  @Test("playing into the file that is recorded is refused")
  func sameFile() throws {
    let path = try folder.write("a.raw", pattern(40))

    let failure = #expect(throws: PluginFailure.self) { try plugin.instance(["play": path, "record": path]) }

    #expect(failure?.text == "play and record are the same file, \(path)")
  }
}

/// A file system with room for 64 KiB, where the user may mount one.
final class SmallDisk {
  let folder: Folder
  let isMounted: Bool

  init() throws {
    folder = try Folder()
    isMounted = mount("tmpfs", folder.path, "tmpfs", 0, "size=64k") == 0
  }

  static let isPossible = (try? SmallDisk().isMounted) ?? false

  deinit { umount2(folder.path, Int32(MNT_DETACH)) }

  func file(_ name: String) -> String { folder.file(name) }
}

/// Makes writes of this process fail beyond a size of file, as a full disk does.
struct FileSizeLimit {
  private let before: rlimit

  init(bytes: Int) throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    before = limit
    signal(SIGXFSZ, SIG_IGN)
    limit.rlim_cur = rlim_t(bytes)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  }

  func end() {
    var limit = before
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  }
}

/// A plain WAV file of 16 bits.
func wavFile(
  tag: UInt16 = 1, channels: UInt16 = 2, rate: UInt32 = 48_000, bits: UInt16 = 16, extra: [UInt8] = [],
  claim: UInt32? = nil, sound: [UInt8]
) -> [UInt8] {
  func le<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { [UInt8]($0) }
  }
  let block = bits / 8 * channels
  let body =
    Array("WAVEfmt ".utf8) + le(UInt32(16)) + le(tag) + le(channels) + le(rate) + le(rate * UInt32(block))
    + le(block) + le(bits) + extra + Array("data".utf8) + le(claim ?? UInt32(sound.count)) + sound
  return Array("RIFF".utf8) + le(UInt32(body.count)) + body
}
