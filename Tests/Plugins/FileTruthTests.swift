// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Synchronization
import Testing

@Suite("The file backend: a WAV header is true at every moment")
struct FileTruthTests {
  @Test("a reader beside the writer never sees a header that claims more than there is")
  func reader() async throws {
    let folder = try Folder()
    let path = folder.file("out.wav")
    let instance = try LoadedPlugin("file").instance(["play": path])
    let shape = Shape(format: 4, channels: 1, map: [2])
    let sound = pattern(200_000)
    let done = Atomic<Bool>(false)
    let writer = Thread {
      let feed = FakeFeed(playing: sound, frameBytes: 1)
      try? instance.open(shape, feed).run(step: 37)
      done.store(true, ordering: .releasing)
    }
    writer.start()

    var reads = 0
    while !done.load(ordering: .acquiring) {
      // The header first: what it claims must be there by the time that it can be read.
      guard let file = FileHandle(forReadingAtPath: path), let header = try file.read(upToCount: 44) else {
        continue
      }
      let seen = try WAV(bytes: [UInt8](header) + [UInt8](file.readToEnd() ?? Data())).sound
      #expect(seen == Array(sound[..<seen.count]))
      reads += 1
    }

    #expect(reads > 0)
    #expect(try WAV(path).sound == sound)
  }

  @Test("after SIGKILL the header is true, and at most the last period is missing from it")
  func killed() async throws {
    let folder = try Folder()
    let path = folder.file("out.wav")
    let period = 64

    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, period = period as Int] in
      let instance = try LoadedPlugin("file").instance(["play": path])
      let feed = FakeFeed(playing: pattern(4_000_000), frameBytes: 4)
      let stream = try instance.open(Shape(), feed)
      try stream.start()
      Thread.detachNewThread {
        usleep(50_000)
        kill(getpid(), SIGKILL)
      }
      while true { stream.process(due: period) }
    }

    let size = try folder.read("out.wav").count
    let sound = try WAV(path).sound
    #expect(!sound.isEmpty)
    #expect(sound == Array(pattern(4_000_000)[..<sound.count]))
    #expect(size - 44 - sound.count <= period * 4)
  }
}
