// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

@Suite("The file backend: a guest that is late")
struct FileLateTests {
  private let plugin: LoadedPlugin
  private let folder: Folder

  init() throws {
    plugin = try LoadedPlugin("file")
    folder = try Folder()
  }

  @Test(
    "hears of an xrun, with and without files", arguments: [VSND_PLAYBACK, VSND_CAPTURE], [true, false])
  func isTold(direction: UInt32, hasFile: Bool) throws {
    #expect(try xruns(direction, hasFile: hasFile, clock: "realtime") == [10, 30])
  }

  @Test("hears nothing without a clock", arguments: [VSND_PLAYBACK, VSND_CAPTURE], [true, false])
  func isNotTold(direction: UInt32, hasFile: Bool) throws {
    #expect(try xruns(direction, hasFile: hasFile, clock: "free") == [])
  }

  /// What is reported when a guest has 50 frames for three steps of 30.
  private func xruns(_ direction: UInt32, hasFile: Bool, clock: String) throws -> [UInt32] {
    let isCapture = direction == VSND_CAPTURE
    let path = isCapture ? try folder.write("in.raw", pattern(4000)) : folder.file("out.raw")
    let instance =
      hasFile
      ? try plugin.instance([isCapture ? "record" : "play": path, "clock": clock])
      : try plugin.instance(["clock": clock])
    let feed =
      isCapture ? FakeFeed(recording: 50, frameBytes: 4) : FakeFeed(playing: pattern(200), frameBytes: 4)
    let stream = try instance.open(Shape(direction: direction), feed)
    try stream.start()
    for _ in 0..<3 { stream.process(due: 30) }
    #expect(feed.committed == 50)
    return feed.xruns
  }
}
