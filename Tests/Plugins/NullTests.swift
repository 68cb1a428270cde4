// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The null backend")
struct NullTests {
  @Test(
    "everything but IMA_ADPCM is offered (VS-064, VS-065, VS-066)",
    arguments: [VSND_PLAYBACK, VSND_CAPTURE])
  func offersEverything(direction: UInt32) throws {
    let caps = try LoadedPlugin("null").instance().query(direction)

    #expect(caps.formats == 0x1FF_FFFE)
    #expect(caps.rates == 0xFFFF)
    #expect(caps.channels_min == 1)
    #expect(caps.channels_max == VSND_CHANNELS_MAX)
  }

  @Test("what is offered opens and plays, every format", arguments: UInt32(1)...24)
  func everyFormat(format: UInt32) throws {
    let instance = try LoadedPlugin("null").instance()
    let rates: [UInt32] = [
      5512, 8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000, 176_400, 192_000,
      384_000, 12_000, 24_000,
    ]
    for rate in rates {
      for channels in UInt32(1)...18 {
        let shape = Shape(format: format, rate: rate, channels: channels)
        let feed = FakeFeed(
          playing: [UInt8](repeating: 7, count: 10 * shape.frameBytes), frameBytes: shape.frameBytes)
        feed.cuts = [3, 4]

        try instance.open(shape, feed).run(step: 10)

        #expect(feed.committed == 10)
        #expect(feed.violations == 0)
      }
    }
  }

  @Test(
    "a guest records the silence of its format",
    arguments: [
      (1, [0xFF]), (2, [0xD5]), (3, [0]), (4, [0x80]), (5, [0, 0]), (6, [0, 0x80]), (7, [0, 0, 0]),
      (8, [0, 0, 2]), (9, [0, 0, 0]), (10, [0, 0, 8]), (11, [0, 0, 0]), (12, [0, 0, 0x80]),
      (13, [0, 0, 0, 0]), (14, [0, 0, 8, 0]), (15, [0, 0, 0, 0]), (16, [0, 0, 0x80, 0]),
      (17, [0, 0, 0, 0]), (18, [0, 0, 0, 0x80]), (19, [0, 0, 0, 0]), (20, [0, 0, 0, 0, 0, 0, 0, 0]),
      (21, [0x69]), (22, [0x69, 0x69]), (23, [0x69, 0x69, 0x69, 0x69]), (24, [0, 0, 0, 0]),
    ] as [(UInt32, [UInt8])])
  func silence(format: UInt32, sample: [UInt8]) throws {
    let shape = Shape(direction: VSND_CAPTURE, format: format, channels: 3)
    let feed = FakeFeed(recording: 5, frameBytes: shape.frameBytes)
    feed.cuts = [2]

    try LoadedPlugin("null").instance().open(shape, feed).run(step: 5)

    #expect(feed.data == [[UInt8]](repeating: sample, count: 15).flatMap { $0 })
  }

  @Test("no more is taken than the clock has earned")
  func obeysTheClock() throws {
    let feed = FakeFeed(playing: [UInt8](repeating: 1, count: 400), frameBytes: 4)
    let stream = try LoadedPlugin("null").instance().open(Shape(), feed)
    try stream.start()

    stream.process(due: 30)

    #expect(feed.committed == 30)
    #expect(feed.delays == [0])
  }

  @Test("what the guest is late with is an xrun", arguments: [VSND_PLAYBACK, VSND_CAPTURE])
  func late(direction: UInt32) throws {
    let feed =
      direction == VSND_CAPTURE
      ? FakeFeed(recording: 50, frameBytes: 4)
      : FakeFeed(playing: [UInt8](repeating: 1, count: 200), frameBytes: 4)
    let stream = try LoadedPlugin("null").instance().open(Shape(direction: direction), feed)
    try stream.start()

    stream.process(due: 30)
    #expect(feed.xruns.isEmpty)
    stream.process(due: 30)
    stream.process(due: 30)

    #expect(feed.committed == 50)
    #expect(feed.xruns == [10, 30])
  }

  @Test("a loan with more spans than one call can carry is taken whole")
  func manySpans() throws {
    let feed = FakeFeed(playing: [UInt8](repeating: 1, count: 4000), frameBytes: 4)
    feed.cuts = [1]
    let stream = try LoadedPlugin("null").instance().open(Shape(), feed)
    try stream.start()

    stream.process(due: 1000)

    #expect(feed.committed == 1000)
  }

  @Test("one device each way is listed, and no other can be opened")
  func devices() throws {
    let instance = try LoadedPlugin("null").instance()

    #expect(try instance.devices(VSND_PLAYBACK) == ["null: Nowhere"])
    #expect(try instance.devices(VSND_CAPTURE) == ["null: Silence"])
    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(Shape(device: "hw:7"), FakeFeed(playing: [], frameBytes: 4))
    }
    #expect(failure?.code == VSND_E_UNSUPPORTED)
    #expect(failure?.text == "there is no device hw:7, only null")
  }
}

extension Instance {
  /// The devices of vsnd.devices/1 as "id: title".
  func devices(_ direction: UInt32) throws -> [String] {
    try listed(direction).map { "\($0.id): \($0.title)" }
  }
}
