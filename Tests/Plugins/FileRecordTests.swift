// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The file backend: capture")
struct FileRecordTests {
  let folder: Folder
  let plugin: LoadedPlugin
  let shape = Shape(direction: VSND_CAPTURE)

  init() throws {
    folder = try Folder()
    plugin = try LoadedPlugin("file")
  }

  @Test(
    "a guest records the raw file, then silence of its format", arguments: [(5, 0), (4, 0x80), (21, 0x69)])
  func raw(format: UInt32, silence: UInt8) throws {
    let path = try folder.write("in.raw", pattern(4000))
    let shape = Shape(direction: VSND_CAPTURE, format: format)
    let frames = 4000 / shape.frameBytes

    let heard = try record(plugin.instance(["record": path]), shape, frames + 50)

    #expect(heard == pattern(4000) + [UInt8](repeating: silence, count: 50 * shape.frameBytes))
  }

  @Test("a loop starts again without a gap, and leaves out a torn frame at the end")
  func loops() throws {
    let path = try folder.write("in.raw", pattern(403))

    let heard = try record(plugin.instance(["record": path, "loop": "true"]), shape, 250)

    #expect(heard == Array((pattern(400) + pattern(400) + pattern(400))[..<1000]))
  }

  @Test("each PREPARE starts at the beginning, a pause does not")
  func position() throws {
    let instance = try plugin.instance(["record": folder.write("in.raw", pattern(800))])
    #expect(try record(instance, shape, 20) == Array(pattern(800)[..<80]))
    let feed = FakeFeed(recording: 40, frameBytes: 4)
    let stream = try instance.open(shape, feed)

    try stream.start()
    stream.process(due: 10)
    stream.stop(VSND_STOP_HOLD)
    try stream.start()
    stream.process(due: 30)

    #expect(feed.data == Array(pattern(800)[..<160]))
  }

  @Test(
    "what is played into a WAV file can be recorded from it",
    arguments: [1, 2, 4, 5, 11, 17, 19, 20] as [UInt32])
  func roundTrip(format: UInt32) throws {
    for channels in [1, 2, 3, 6, 18] as [UInt32] {
      let path = folder.file("\(channels).wav")
      var shape = Shape(format: format, rate: 96_000, channels: channels)
      let sound = pattern(101 * shape.frameBytes)
      try play(plugin.instance(["play": path]), shape, sound)
      shape.direction = VSND_CAPTURE
      let instance = try plugin.instance(["record": path])

      let caps = try instance.query(VSND_CAPTURE)
      let heard = try record(instance, shape, 101)

      #expect(caps.formats == 1 << UInt64(format))
      #expect(caps.rates == 1 << 10)
      #expect(caps.channels_min == channels)
      #expect(caps.channels_max == channels)
      #expect(heard == sound)
    }
  }

  @Test(
    "a WAV file refuses another format, rate or number of channels in words",
    arguments: [
      (Shape(direction: VSND_CAPTURE, format: 17), "S32, 48000 Hz, 2 channels"),
      (Shape(direction: VSND_CAPTURE, rate: 44_100), "S16, 44100 Hz, 2 channels"),
      (Shape(direction: VSND_CAPTURE, channels: 1), "S16, 48000 Hz, 1 channel"),
    ])
  func otherShape(shape: Shape, words: String) throws {
    let path = try folder.write("in.wav", wavFile(sound: pattern(40)))
    let instance = try plugin.instance(["record": path])

    let failure = #expect(throws: PluginFailure.self) {
      try instance.open(shape, FakeFeed(recording: 1, frameBytes: shape.frameBytes))
    }

    #expect(failure?.code == VSND_E_UNSUPPORTED)
    #expect(failure?.text == "\(path) has S16, 48000 Hz, 2 channels; the guest asks for \(words)")
  }

  @Test("other chunks, and a length that a streaming writer left open, do not matter")
  func foreignWAV() throws {
    let list: [UInt8] = Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0]
    for claim in [0, .max, 5000] as [UInt32] {
      let path = try folder.write("in.wav", wavFile(extra: list, claim: claim, sound: pattern(400)))

      #expect(try record(plugin.instance(["record": path]), shape, 100) == pattern(400))
    }
  }

  @Test("what follows the sound in a WAV file is not sound")
  func trailer() throws {
    let path = try folder.write("in.wav", wavFile(claim: 40, sound: pattern(400)))

    let heard = try record(plugin.instance(["record": path]), shape, 20)

    #expect(heard == Array(pattern(400)[..<40]) + [UInt8](repeating: 0, count: 40))
  }

  @Test("%i chooses a file for each stream, and query offers what any of them has")
  func streamNumber() throws {
    _ = try folder.write("0.wav", wavFile(sound: pattern(40)))
    _ = try folder.write("3.wav", wavFile(channels: 1, rate: 8000, sound: pattern(20)))
    let instance = try plugin.instance(["record": folder.file("%i.wav")])

    let caps = try instance.query(VSND_CAPTURE)
    let third = Shape(direction: VSND_CAPTURE, stream: 3, rate: 8000, channels: 1)

    #expect(caps.channels_min == 1 && caps.channels_max == 2)
    #expect(caps.rates == 1 << 7 | 1 << 1)
    #expect(try record(instance, third, 10) == pattern(20))
  }

  @Test("a file that shrinks while it is recorded ends after its last whole frame")
  func shrinks() throws {
    let path = try folder.write("in.raw", pattern(4000))
    let feed = FakeFeed(recording: 100, frameBytes: 4)
    let stream = try plugin.instance(["record": path]).open(shape, feed)
    try stream.start()
    stream.process(due: 10)
    truncate(path, 90)

    stream.process(due: 90)

    #expect(feed.data == Array(pattern(4000)[..<88]) + [UInt8](repeating: 0, count: 312))
    #expect(feed.failures.isEmpty)
  }

  @Test("a device without an end can be recorded")
  func device() throws {
    #expect(
      try record(plugin.instance(["record": "/dev/zero"]), shape, 50) == [UInt8](repeating: 0, count: 200))
  }

  @Test("without a file, capture is silence")
  func noFile() throws {
    let shape = Shape(direction: VSND_CAPTURE, format: 6)

    #expect(try record(plugin.instance(), shape, 2) == [0, 0x80, 0, 0x80, 0, 0x80, 0, 0x80])
  }
}
