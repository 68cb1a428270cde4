// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Plays and records through any PCM of libasound: cards, and what an asound.conf makes of them.

import CALSA
public import PluginABI
import PluginKit

private let alsa = Plugin(
  name: "alsa", summary: "sound cards and other PCMs of ALSA",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_OWN_THREAD | VSND_CAP_NONBLOCKING
    | VSND_CAP_MULTI | VSND_CAP_PARALLEL,
  options: [
    Option("device", .string, fallback: "default", help: "the PCM of streams that name none, such as hw:0,0"),
    Option("playback-device", .string, help: "the same, for playback only"),
    Option("capture-device", .string, help: "the same, for capture only"),
    Option(
      "mmap", .choice, choices: "auto|on|off", fallback: "auto",
      help: "write into the memory of the device; auto: if it is a card"),
    Option(
      "period-time", .duration, help: "time between two wake-ups by the device; default: that of the guest"),
    Option("buffer-time", .duration, help: "length of the device's buffer; default: that of the guest"),
    Option(
      "start-threshold", .duration,
      help: "how much the device holds when it starts to play, and while it plays; default: half its buffer"),
    Option(
      "resample", .bool, fallback: "false",
      help: "offer rates that libasound makes by its own conversion, if the PCM has one"),
  ])

private nonisolated(unsafe) let table = unsafe alsa.table { host, out, error in
  unsafe alsa.create(host, out, error) { start in ALSABackend(start) }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }

final class ALSABackend: Backend {
  override func prepare() throws(BackendError) { vsnd_alsa_silence() }

  /// What the device can do; a device that cannot be asked now gets what nearly every card can do.
  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    let name = name(device, direction)
    do throws(BackendError) {
      let pcm = try PCM.open(name, direction)
      return try unsafe Hardware.of(pcm.handle, resample: options.bool("resample")).capabilities(name)
    } catch let failure {
      let reason: Text = failure.systemError == 0 ? "" : ": \(errno: failure.systemError)"
      host.log(
        VSND_LOG_WARNING, "\(failure.text)\(reason); guests are offered 16 bits, mono and stereo")
      return Hardware.modest
    }
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    let name = name(params.device, params.direction)
    let pcm = try PCM.open(name, params.direction)
    let wishes = Wishes(options, params)
    let shape = try unsafe Shape.agree(pcm.handle, params, wishes, name)
    return ALSAStream(name, pcm, shape, feed, host)
  }

  override var listsDevices: Bool { true }

  override func devices(_ direction: Direction, _ emit: (Device) -> Void) throws(BackendError) {
    try listDevices(direction, standard: name(nil, direction), emit)
  }

  /// The PCM of a stream: its own, that of its direction, or that of all.
  private func name(_ device: Text?, _ direction: Direction) -> Text {
    if let device { return device }
    let own: StaticString = direction == .playback ? "playback-device" : "capture-device"
    return options.text(own) ?? options.text("device") ?? "default"
  }
}
