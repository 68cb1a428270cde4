// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Plays and records through PipeWire, the sound server of today's Linux desktops.

import CPipeWire
public import PluginABI
import PluginKit

private let pipewire = Plugin(
  name: "pipewire", summary: "plays and records through PipeWire",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_OWN_THREAD | VSND_CAP_NONBLOCKING
    | VSND_CAP_MULTI | VSND_CAP_PARALLEL,
  options: [
    Option("remote", .string, help: "name or path of the server's socket; default PIPEWIRE_REMOTE"),
    Option("vm-name", .string, help: "name of the virtual machine, for mixers and patch bays"),
    Option("role", .string, help: "media.role of the streams, such as Game, Music or Communication"),
    Option("remix", .bool, fallback: "true", help: "let PipeWire mix channels up or down to the device's"),
    Option(
      "ports", .bool, fallback: "false", help: "make ports without a session manager, for links by hand"),
    Option("latency", .duration, help: "what to ask the graph for; default: the guest's period"),
  ])

private nonisolated(unsafe) let table = unsafe pipewire.table { host, out, error in
  unsafe pipewire.create(host, out, error) { start in
    pw_init(nil, nil)
    return PipeWireBackend(start)
  }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }
