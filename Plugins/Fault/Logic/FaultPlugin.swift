// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Fails as it is told, to prove that the daemon goes on. For tests; not installed.

public import PluginABI
public import PluginKit

/// What both libraries say about themselves.
///
/// - Parameter capabilities: those that only one of them has.
public func faultPlugin(_ name: StaticString, _ capabilities: UInt32 = 0) -> Plugin {
  Plugin(
    name: name, summary: "fails as it is told, for tests of the daemon",
    capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_NONBLOCKING | VSND_CAP_MULTI
      | VSND_CAP_PARALLEL | capabilities,
    options: [
      Option(
        "fail-open", .choice, choices: "io|busy|gone|denied|timeout|unsupported|nomem",
        help: "how open() fails"),
      Option("after", .uint, fallback: "0", help: "so many calls of open() succeed before fail-open"),
      Option("xrun-every", .uint, help: "report an xrun in each Nth step of a stream"),
      Option("delay-frames", .uint, fallback: "0", help: "the delay that each commit reports"),
      Option("gone-after", .duration, help: "the host goes away so long after the first start()"),
      Option("back-after", .duration, help: "and is back so long after the first start()"),
      Option(
        "hang-in", .choice, choices: "prepare|query|open|start|stop|close|process",
        help: "the call that does not return for a while"),
      Option("hang-for", .duration, fallback: "10s", help: "how long it does not"),
      Option("hang-stream", .uint, help: "hang only for this stream; else for all"),
      Option("hang-times", .uint, fallback: "1", help: "how many calls hang"),
      Option("double-acquire", .bool, fallback: "false", help: "take a second loan during the first"),
      Option("over-commit", .bool, fallback: "false", help: "commit more than was lent"),
      Option(
        "capture", .choice, choices: "silence|counter", fallback: "silence",
        help: "counter: every sample is the number of its frame"),
      Option("play", .path, help: "append what the guest plays to this file; for one stream"),
    ])
}

/// Makes an instance.
///
/// - Parameter hasThread: its streams drive themselves.
public func faultBackend(_ start: Backend.Start, hasThread: Bool) -> Backend {
  FaultBackend(start, hasThread: hasThread)
}
