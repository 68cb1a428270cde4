// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI
import ServerSupport
import Testing

extension SoundServers {
  @Suite(
    "ALSA: over PulseAudio", .serialized,
    .enabled(if: Need.alsaPulse == nil, "\(Need.alsaPulse ?? "")"))
  struct ALSAPulseTests {
    let server: SoundServer
    let bench: ALSABench

    init() throws {
      server = try SoundServer("pulse-up", folder: "VS_PULSE_DIR")
      bench = try ALSABench()
    }

    @Test(
      "what one stream plays another records, first and last sample included",
      arguments: [("vs_pulse", "vs_pulse_monitor"), ("vs_pulse_in", "vs_pulse_mic")])
    func exact(output: String, input: String) throws {
      let heard = try bench.loop(from: output, to: input)

      #expect(heard.flaw == nil)
      #expect(heard.played.failures.isEmpty)
      #expect(heard.played.delays.compactMap { $0 }.allSatisfy { $0 > 0 && $0 < 48_000 })
    }

    @Test("through `file` over it, in real time")
    func tee() throws {
      let sent = ALSABench.noise(24_000 * 4)
      let begin = ContinuousClock.now

      let feed = try bench.play(sent, Shape(period: 960, device: "vs_tee"))
      let time = ContinuousClock.now - begin

      #expect(feed.failures.isEmpty)
      #expect(time > .milliseconds(400))
      #expect(ALSABench.flaw(sent, in: bench.written, frameBytes: 4) == nil)
    }

    @Test("a server that dies fails its streams, and closing them ends")
    func dies() throws {
      let feed = FakeFeed(playing: ALSABench.noise(96_000 * 4), frameBytes: 4)
      let stream = try bench.instance.open(Shape(period: 960, device: "vs_pulse"), feed)
      try stream.start()
      ALSABench.wait { feed.committed > 9600 }

      try server.crash()
      ALSABench.wait { !feed.failures.isEmpty }
      let begin = ContinuousClock.now
      stream.stop(VSND_STOP_DISCARD)

      #expect(ContinuousClock.now - begin < .seconds(1))
      #expect(feed.failures == [VSND_E_IO])
      let refusal = #expect(throws: PluginFailure.self) {
        try bench.instance.open(Shape(device: "vs_pulse"), FakeFeed(playing: [], frameBytes: 4))
      }
      #expect(refusal?.text == "cannot open vs_pulse for playback")
    }

    @Test("a server that hangs holds up neither stop nor close for longer than a few seconds")
    func hangs() throws {
      let feed = FakeFeed(playing: ALSABench.noise(480_000 * 4), frameBytes: 4)
      var stream: OpenStream? = try bench.instance.open(Shape(period: 960, device: "vs_pulse"), feed)
      try stream?.start()
      ALSABench.wait { feed.committed > 9600 }

      let pid = try server.pid("VS_PULSE_PID")
      kill(pid, SIGSTOP)
      defer { kill(pid, SIGCONT) }
      usleep(300_000)
      let begin = ContinuousClock.now
      stream?.stop(VSND_STOP_DISCARD)
      let stopped = ContinuousClock.now - begin
      let committed = feed.committed
      stream = nil
      let closed = ContinuousClock.now - begin

      #expect(stopped < .milliseconds(200))
      #expect(closed < .seconds(4))
      #expect(feed.committed == committed)
    }
  }
}

extension SoundServers {
  @Suite(
    "ALSA: over PipeWire", .serialized,
    .enabled(if: Need.alsaPipeWire == nil, "\(Need.alsaPipeWire ?? "")"))
  struct ALSAPipeWireTests {
    let server: SoundServer
    let bench: ALSABench

    init() throws {
      let plugin = try SoundServer.run("pipewire-alsa", [])
      setenv("VS_PW_ALSA_PLUGIN", plugin.trimmingCharacters(in: .newlines), 1)
      server = try SoundServer("pipewire-up", ["-w", "-q", "1024", "-m", "1024"], folder: "VS_PIPEWIRE_DIR")
      bench = try ALSABench()
    }

    @Test("what one stream plays another records, first and last sample included")
    func exact() throws {
      for channel in ["FL", "FR"] {
        try SoundServer.tool(["pw-link", "vs_out:monitor_\(channel)", "vs_mic:input_\(channel)"])
      }

      let heard = try bench.loop(from: "vs_pw", to: "vs_pw", period: 2048)

      // A machine that stands still for longer than the buffers makes losses, which are reported.
      let isInterrupted = !heard.played.xruns.isEmpty || !heard.recorded.xruns.isEmpty
      #expect(heard.flaw == nil || isInterrupted)
      #expect(heard.played.failures.isEmpty)
    }

    @Test("a server that dies fails its stream, which plays again once the server is back")
    func dies() throws {
      let feed = FakeFeed(playing: ALSABench.noise(192_000 * 4), frameBytes: 4)
      var stream: OpenStream? = try bench.instance.open(Shape(period: 2048, device: "vs_pw"), feed)
      try stream?.start()
      ALSABench.wait { feed.committed > 9600 }

      try server.crash()
      ALSABench.wait { !feed.failures.isEmpty }
      let begin = ContinuousClock.now
      stream?.stop(VSND_STOP_DISCARD)
      stream = nil
      #expect(ContinuousClock.now - begin < .seconds(4))

      try server.restart()
      let again = try bench.play(ALSABench.noise(9600 * 4), Shape(period: 2048, device: "vs_pw"))
      #expect(again.ready == 0)
    }
  }
}

extension Need {
  static var alsaPipeWire: String? {
    lacking(programs: ["pipewire", "wireplumber", "pw-link", "apt-get"], plugin: "alsa")
  }
  static var alsaPulse: String? { lacking(programs: ["pulseaudio"], plugin: "alsa") }
}

extension ALSABench {
  struct Heard {
    let played: FakeFeed
    let recorded: FakeFeed
    let flaw: String?
  }

  /// Plays half a second of noise on one PCM while another records, until all of it was heard or long after.
  func loop(from output: String, to input: String, period: UInt32 = 960, format: UInt32 = 5) throws -> Heard {
    let shape = Shape(format: format, period: period, device: output)
    var other = shape
    other.direction = VSND_CAPTURE
    other.device = input
    let sent = Self.noise(24_000 * shape.frameBytes)
    let recorded = FakeFeed(recording: 480_000, frameBytes: shape.frameBytes)
    let stream = try instance.open(other, recorded)
    try stream.start()
    Self.wait { recorded.committed > 0 }

    let played = try play(sent, shape)
    let mark = recorded.committed
    Self.wait { recorded.committed > mark + 24_000 }
    stream.stop(VSND_STOP_DISCARD)

    return Heard(
      played: played, recorded: recorded,
      flaw: Self.flaw(sent, in: recorded.data, frameBytes: shape.frameBytes))
  }
}
