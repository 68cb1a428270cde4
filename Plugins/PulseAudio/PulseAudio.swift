// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Plays and records through PulseAudio, or PipeWire behind its protocol.

public import PluginABI
import PluginKit

private let pulse = Plugin(
  name: "pulse", summary: "plays and records through PulseAudio",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_OWN_THREAD | VSND_CAP_NONBLOCKING
    | VSND_CAP_MULTI | VSND_CAP_PARALLEL,
  options: [
    Option("server", .string, help: "address of the server; default PULSE_SERVER, or the user's own"),
    Option(
      "device", .string, help: "sink or source of streams that name none; default: the server's default"),
    Option(
      "latency", .duration, help: "what the server keeps of a stream; default: what the guest's buffer allows"
    ),
    Option("app-name", .string, fallback: "vhost-device-sound", help: "name of the application in mixers"),
    Option("media-role", .string, help: "role of the streams, such as music, game or phone"),
    Option(
      "follow-default", .bool, fallback: "true", help: "let the server move streams when the default changes"),
  ])

private nonisolated(unsafe) let table = unsafe pulse.table { host, out, error in
  unsafe pulse.create(host, out, error) { start in PulseBackend(start) }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }
