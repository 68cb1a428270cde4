// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import Testing

extension SoundServers {
  @Suite(
    "ALSA: PCMs without a card or a server", .serialized,
    .enabled(if: Need.alsa == nil, "\(Need.alsa ?? "")"))
  struct ALSAFileTests {
    /// S8, S16, S18_3, S20_3, S24_3, S20, S24, S32, FLOAT, FLOAT64: those whose silence is zero.
    static let formats: [UInt32] = [3, 5, 7, 9, 11, 13, 15, 17, 19, 20]

    @Test(
      "what is played through `file` is in the file, bit for bit, with either access",
      arguments: ["on", "off"])
    func playsExactly(mmap: String) throws {
      let bench = try ALSABench([], ["mmap": mmap])
      for format in Self.formats {
        for channels in [UInt32(1), 2, 8] {
          let shape = Shape(format: format, channels: channels, device: "vs_file")
          let sent = ALSABench.noise(1920 * shape.frameBytes)

          let feed = try bench.play(sent, shape)

          #expect(feed.violations == 0)
          let flaw = ALSABench.flaw(sent, in: bench.written, frameBytes: shape.frameBytes, gaps: false)
          #expect(flaw == nil, "format \(format), \(channels) channels")
        }
      }
    }

    @Test("what `file` has is recorded, bit for bit, with either access", arguments: ["on", "off"])
    func recordsExactly(mmap: String) throws {
      let bench = try ALSABench([], ["mmap": mmap])
      for format in Self.formats {
        for channels in [UInt32(1), 2, 8] {
          let shape = Shape(
            direction: VSND_CAPTURE, format: format, channels: channels, device: "vs_file")
          let laid = ALSABench.noise(1920 * shape.frameBytes)
          try bench.lay(laid)

          let feed = try bench.record(1920, shape)

          #expect(feed.violations == 0)
          #expect(feed.data == laid, "format \(format), \(channels) channels")
        }
      }
    }

    @Test("a PCM without a clock moves at the rate of the stream", arguments: [VSND_PLAYBACK, VSND_CAPTURE])
    func keepsTime(direction: UInt32) throws {
      let bench = try ALSABench()
      let shape = Shape(direction: direction, device: "vs_null")
      let begin = ContinuousClock.now

      let feed =
        try direction == VSND_PLAYBACK
        ? bench.play(ALSABench.noise(24_000 * 4), shape) : bench.record(24_000, shape)
      let time = ContinuousClock.now - begin

      #expect(feed.committed == 24_000)
      // Half a second, whatever the null PCM says; lost time of a busy machine makes it longer.
      #expect(time > .milliseconds(480))
      #expect(time < .milliseconds(1500))
      #expect(feed.delays.allSatisfy { ($0 ?? 0) < 48_000 })
    }

    @Test("a pause of a guest loses nothing, whatever its length, many times")
    func pauses() throws {
      let bench = try ALSABench()
      let shape = Shape(device: "vs_file")
      let sent = ALSABench.noise(9600 * 4)
      let feed = FakeFeed(playing: sent, frameBytes: 4)
      let stream = try bench.instance.open(shape, feed)

      for part in 1...4 {
        try stream.start()
        ALSABench.wait { feed.committed >= part * 2000 }
        stream.stop(VSND_STOP_HOLD)
        let committed = feed.committed
        usleep(60_000)
        #expect(feed.committed == committed, "a feed is not touched after stop")
      }
      try stream.start()
      ALSABench.wait { feed.ready == 0 }
      stream.end()

      #expect(ALSABench.flaw(sent, in: bench.written, frameBytes: 4) == nil)
      #expect(feed.xruns.isEmpty)
    }

    @Test("a rate that only a converter could make is refused, unless resample=true")
    func doesNotConvert() throws {
      let plain = try ALSABench()
      let shape = Shape(rate: 48_000, device: "vs_rate")
      let rates = try plain.instance.query(VSND_PLAYBACK, device: "vs_rate").rates
      let failure = #expect(throws: PluginFailure.self) {
        try plain.play(ALSABench.noise(400), shape)
      }

      #expect(rates == 1 << 6, "44.1 kHz alone")
      #expect(
        failure == PluginFailure(code: VSND_E_UNSUPPORTED, systemError: 0, text: "vs_rate cannot do 48000 Hz")
      )
      let converting = try ALSABench([], ["resample": "true"])
      let feed = try converting.play(ALSABench.noise(4800 * 4), shape)
      #expect(feed.committed == 4800)
    }

    @Test("the PCM of a stream is its own, that of its direction, or that of all")
    func choosesDevice() throws {
      let bench = try ALSABench([], ["device": "vs_none", "capture-device": "vs_file"])
      let open = { (shape: Shape) in
        _ = try bench.instance.open(shape, FakeFeed(recording: 1, frameBytes: 4))
      }

      let failure = #expect(throws: PluginFailure.self) { try open(Shape()) }
      try open(Shape(direction: VSND_CAPTURE))
      try open(Shape(device: "vs_null"))

      #expect(failure?.code == VSND_E_GONE)
      #expect(failure?.systemError == ENOENT)
      #expect(failure?.text == "cannot open vs_none for playback")
    }

    @Test("a device that cannot be asked is offered with what nearly every card can do, and the log says why")
    func missingDevice() throws {
      let bench = try ALSABench()

      let caps = try bench.instance.query(VSND_CAPTURE, device: "hw:31")

      #expect(caps.formats == 1 << 5)
      #expect(caps.rates == 1 << 6 | 1 << 7)
      #expect(caps.channels_max == 2)
      let text = try #require(bench.host.logged.first?.text)
      #expect(text.hasPrefix("cannot open hw:31 for capture: No such "))
    }

    @Test("a query tells what the PCM can do")
    func queries() throws {
      let bench = try ALSABench()

      let caps = try bench.instance.query(VSND_PLAYBACK, device: "vs_null")

      // libasound has all of the formats of virtio but IMA_ADPCM, which cannot be lent.
      #expect(caps.formats == 0x1FF_FFFE)
      #expect(caps.rates == 0xFFFF)
      #expect(caps.channels_min == 1)
      #expect(caps.channels_max == 18)
      #expect(bench.host.logged.isEmpty)
    }

    @Test("the devices of both directions are listed, and the one in use is the default")
    func lists() throws {
      let bench = try ALSABench([], ["playback-device": "vs_file"])

      let playback = try bench.instance.devices(VSND_PLAYBACK)
      let capture = try bench.instance.devices(VSND_CAPTURE)

      #expect(playback.contains("vs_file: vs_file"))
      #expect(capture.contains { $0.hasPrefix("default: ") })
      #expect(playback.contains { $0.hasPrefix("null: ") })
      #expect(playback.allSatisfy { !$0.contains("\n") })
    }

    @Test("the periods and the buffer of a device are the guest's, or those of the options")
    func sizes() throws {
      let bench = try ALSABench()
      let forced = try ALSABench([], ["period-time": "20ms", "buffer-time": "80ms"])
      let shape = Shape(device: "vs_null")

      let asked = try bench.instance.open(shape, FakeFeed(playing: [], frameBytes: 4)).info
      let given = try forced.instance.open(shape, FakeFeed(playing: [], frameBytes: 4)).info

      #expect(asked.period_frames == 480)
      #expect(asked.buffer_frames == 1920)
      #expect(given.period_frames == 960)
      #expect(given.buffer_frames == 3840)
    }
  }
}
