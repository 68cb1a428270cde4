// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The file backend: playback")
struct FilePlayTests {
  let folder: Folder
  let plugin: LoadedPlugin

  init() throws {
    folder = try Folder()
    plugin = try LoadedPlugin("file")
  }

  @Test("a raw file is what the guest played, every format", arguments: UInt32(1)...24)
  func raw(format: UInt32) throws {
    let instance = try plugin.instance(["play": folder.file("out.raw")])
    let shape = Shape(format: format, channels: 3)
    let sound = pattern(1000 * shape.frameBytes)

    try play(instance, shape, sound)

    #expect(try folder.read("out.raw") == sound)
  }

  @Test("a raw file goes on over every PREPARE, whatever the format")
  func rawAppends() throws {
    let instance = try plugin.instance(["play": folder.file("out.raw")])

    try play(instance, Shape(), pattern(4000))
    try play(instance, Shape(format: 3, channels: 1), pattern(333, seed: 9))

    #expect(try folder.read("out.raw") == pattern(4000) + pattern(333, seed: 9))
  }

  @Test("a file of an earlier run is cut when its stream is first prepared, not before")
  func truncates() throws {
    let path = try folder.write("out.raw", pattern(9999))
    let instance = try plugin.instance(["play": path])
    #expect(try folder.read("out.raw").count == 9999)

    try play(instance, Shape(), pattern(400))

    #expect(try folder.read("out.raw") == pattern(400))
  }

  @Test(
    "a WAV file says what it holds",
    arguments: [
      (1, 7, 8), (2, 6, 8), (4, 1, 8), (5, 1, 16), (11, 1, 24), (17, 1, 32), (19, 3, 32), (20, 3, 64),
    ]
      as [(UInt32, UInt16, UInt16)])
  func wav(format: UInt32, tag: UInt16, bits: UInt16) throws {
    for channels in UInt32(1)...8 {
      let instance = try plugin.instance(["play": folder.file("\(channels).wav")])
      let shape = Shape(format: format, rate: 44_100, channels: channels, map: [3, 4, 7, 8, 5, 6, 9, 10])
      let sound = pattern(501 * shape.frameBytes)

      try play(instance, shape, sound)

      let wav = try WAV(folder.file("\(channels).wav"))
      #expect(wav.sound == sound)
      #expect((wav.subtag ?? wav.tag) == tag)
      #expect((wav.tag == 0xFFFE) == (channels > 2 || channels == 1))
      #expect(wav.bits == bits)
      #expect(wav.rate == 44_100)
      #expect(Int(wav.block) == shape.frameBytes)
      #expect(Int(wav.bytesPerSecond) == 44_100 * shape.frameBytes)
      #expect(wav.fact == (tag == 1 ? nil : 501))
    }
  }

  @Test(
    "loudspeakers are said where the map has the order of WAV, and not otherwise",
    arguments: [
      ([2], nil), ([7], nil), ([8], 0x8), ([3, 4], nil), ([5, 6], 0x30), ([3, 4, 7], 0x7),
      ([3, 4, 5, 6], 0x33), ([3, 4, 7, 8, 5, 6], 0x3F), ([3, 4, 5, 6, 7, 8], 0),
      ([3, 4, 7, 8, 5, 6, 9, 10], 0x63F), ([0, 0, 0], 0), ([3, 3, 4], 0),
      ([3, 4, 7, 8, 5, 6, 12, 13, 11, 9, 10, 21, 22, 24, 23, 25, 27, 26], 0x3FFFF),
    ] as [([UInt8], UInt32?)])
  func mask(map: [UInt8], mask: UInt32?) throws {
    let instance = try plugin.instance(["play": folder.file("out.wav")])
    let shape = Shape(channels: UInt32(map.count), map: map)

    try play(instance, shape, pattern(10 * shape.frameBytes))

    let wav = try WAV(folder.file("out.wav"))
    #expect(wav.mask == mask)
    #expect(wav.sound == pattern(10 * shape.frameBytes))
  }

  @Test("a WAV file goes on while the format stays, and a new format starts the next file")
  func wavNumbers() throws {
    let instance = try plugin.instance(["play": folder.file("out.wav")])
    let mono = Shape(channels: 1, map: [2])

    try play(instance, Shape(), pattern(4000))
    try play(instance, Shape(), pattern(400, seed: 1))
    try play(instance, mono, pattern(600, seed: 2))
    try play(instance, Shape(), pattern(800, seed: 3))

    #expect(folder.names == ["out.2.wav", "out.3.wav", "out.wav"])
    #expect(try WAV(folder.file("out.wav")).sound == pattern(4000) + pattern(400, seed: 1))
    #expect(try WAV(folder.file("out.2.wav")).sound == pattern(600, seed: 2))
    #expect(try WAV(folder.file("out.2.wav")).channels == 1)
    #expect(try WAV(folder.file("out.3.wav")).sound == pattern(800, seed: 3))
  }

  @Test("an odd number of bytes is padded, and the pad is overwritten later")
  func padding() throws {
    let instance = try plugin.instance(["play": folder.file("out.wav")])
    let shape = Shape(format: 4, channels: 1, map: [2])

    try play(instance, shape, pattern(333))
    #expect(try folder.read("out.wav").count == 44 + 334)
    try play(instance, shape, pattern(334, seed: 5))

    #expect(try WAV(folder.file("out.wav")).sound == pattern(333) + pattern(334, seed: 5))
  }

  @Test("a WAV file that is full is followed by the next, in mid-stream and without a loss")
  func splits() throws {
    let instance = try plugin.instance(["play": folder.file("out.wav"), "split": "1002"])

    try play(instance, Shape(), pattern(2400))

    #expect(folder.names == ["out.2.wav", "out.3.wav", "out.wav"])
    #expect(try WAV(folder.file("out.wav")).sound == Array(pattern(2400)[..<1000]))
    #expect(try WAV(folder.file("out.2.wav")).sound == Array(pattern(2400)[1000..<2000]))
    #expect(try WAV(folder.file("out.3.wav")).sound == Array(pattern(2400)[2000...]))
  }

  @Test("what WAV cannot carry exactly is not offered, and refused by name")
  func wavFormats() throws {
    let instance = try plugin.instance(["play": folder.file("out.wav")])

    #expect(
      try instance.query(VSND_PLAYBACK).formats == [1, 2, 4, 5, 11, 17, 19, 20].reduce(0) { $0 | 1 << $1 })
    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(Shape(format: 15), FakeFeed(playing: [], frameBytes: 8))
    }

    #expect(failure?.code == VSND_E_UNSUPPORTED)
    #expect(failure?.text == "format S24 is not possible here")
    #expect(folder.names.isEmpty)
  }

  @Test("%i is the number of the stream")
  func streamNumber() throws {
    let instance = try plugin.instance(["play": folder.file("a-%i-%i.raw")])

    try play(instance, Shape(stream: 0), pattern(40))
    try play(instance, Shape(stream: 12), pattern(80))

    #expect(folder.names == ["a-0-0.raw", "a-12-12.raw"])
    #expect(try folder.read("a-12-12.raw") == pattern(80))
  }

  @Test("a second stream is kept from the file of the first, until that is closed")
  func oneWriter() throws {
    let path = folder.file("out.raw")
    let instance = try plugin.instance(["play": path])
    var first: OpenStream? = try instance.open(Shape(), FakeFeed(playing: [], frameBytes: 4))

    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(Shape(stream: 1), FakeFeed(playing: [], frameBytes: 4))
    }
    #expect(first != nil)
    first = nil

    #expect(failure?.code == VSND_E_BUSY)
    #expect(
      failure?.text
        == "another stream writes to \(path); %i in the path gives each its own file")
    try play(instance, Shape(stream: 1), pattern(40))
    #expect(try folder.read("out.raw") == pattern(40))
  }

  @Test("two instances with different options do not mix")
  func instances() throws {
    let one = try plugin.instance(["play": folder.file("one.raw")])
    let two = try plugin.instance(["play": folder.file("two.wav"), "clock": "free"])

    try play(one, Shape(), pattern(400))
    try play(two, Shape(), pattern(800))

    #expect(try folder.read("one.raw") == pattern(400))
    #expect(try WAV(folder.file("two.wav")).sound == pattern(800))
  }

  @Test("a pause leaves no trace in the file")
  func pause() throws {
    let feed = FakeFeed(playing: pattern(800), frameBytes: 4)
    let stream = try plugin.instance(["play": folder.file("out.raw")]).open(Shape(), feed)

    try stream.start()
    stream.process(due: 50)
    stream.stop(VSND_STOP_HOLD)
    try stream.start()
    stream.process(due: 150)
    stream.stop(VSND_STOP_DRAIN)

    #expect(try folder.read("out.raw") == pattern(800))
  }

  @Test("an underrun adds nothing to the file")
  func underrun() throws {
    let feed = FakeFeed(playing: pattern(400), frameBytes: 4)
    let stream = try plugin.instance(["play": folder.file("out.raw")]).open(Shape(), feed)

    try stream.start()
    for _ in 0..<5 { stream.process(due: 80) }

    #expect(try folder.read("out.raw") == pattern(400))
  }

  @Test("without a clock, all that the guest has is taken at once, whatever the tick says")
  func free() throws {
    let feed = FakeFeed(playing: pattern(4000), frameBytes: 4)
    let stream = try plugin.instance(["play": folder.file("out.raw"), "clock": "free"]).open(Shape(), feed)
    #expect(stream.info.wake_fd >= 0)
    var ready = pollfd(fd: stream.info.wake_fd, events: Int16(POLLIN), revents: 0)
    #expect(poll(&ready, 1, 0) == 1)

    try stream.start()
    stream.process(due: 0)

    #expect(feed.committed == 1000)
    #expect(poll(&ready, 1, 0) == 1)
  }

  @Test("without a file, playback is swallowed")
  func noFile() throws {
    let feed = FakeFeed(playing: pattern(400), frameBytes: 4)

    try plugin.instance().open(Shape(), feed).run(step: 30)

    #expect(feed.committed == 100)
  }
}
