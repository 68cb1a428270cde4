// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Plays and records through ports of the JACK graph: jackd2, or PipeWire behind its libjack.

import CJACK
public import PluginABI
import PluginKit

private let jack = Plugin(
  name: "jack", summary: "plays and records through ports of the JACK graph",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_OWN_THREAD | VSND_CAP_NONBLOCKING
    | VSND_CAP_MULTI | VSND_CAP_PARALLEL,
  options: [
    Option("client-name", .string, fallback: "vhost-device-sound", help: "name of the client in the graph"),
    Option(
      "clients", .choice, choices: "vm|stream", fallback: "vm",
      help: "one client for all streams, or for each"),
    Option("server", .string, help: "name of the server; default JACK_DEFAULT_SERVER"),
    Option("start-server", .bool, fallback: "false", help: "start a server if there is none"),
    Option(
      "connect", .string, fallback: "auto",
      help: "what new ports are connected to: auto (the physical ports), none, or a pattern of port names"),
  ])

private nonisolated(unsafe) let table = unsafe jack.table { host, out, error in
  unsafe jack.create(host, out, error) { start in
    vsnd_jack_hush()
    return JACKBackend(start)
  }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }
