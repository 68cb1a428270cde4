// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CJACK
import CLibc
import PluginABI
import PluginKit
import Synchronization

/// One life of a client in the graph, from jack_client_open() to its end; for the client's thread only.
@safe
final class Connection {
  let name: Text
  let rate: UInt32
  let client: Client
  let handle: OpaquePointer
  /// What the ports of each lane were registered for.
  var plans: [LanePlan?] = []
  /// What is still to be connected: of each lane.
  var wishes: [Wish?] = []
  private var cycles: UInt32 = 0
  private var silentSince: UInt64 = 0

  /// Without a cycle for so long, a server that answers another client has forgotten this one.
  private static let silence: UInt64 = 1_000_000_000

  private init(_ client: Client, _ handle: OpaquePointer) {
    self.client = client
    unsafe self.handle = handle
    unsafe name = Text(cString: jack_get_client_name(handle))
    unsafe rate = jack_get_sample_rate(handle)
    silentSince = monotonicNanoseconds()
    for _ in 0..<Client.lanes {
      plans.append(nil)
      wishes.append(nil)
    }
  }

  /// nil when there is no server that takes a client.
  static func open(_ client: Client, _ options: Options) -> Connection? {
    guard let handle = unsafe open(client.name, options, starts: options.bool("start-server")) else {
      return nil
    }
    let made = unsafe Connection(client, handle)
    return made.activate() ? made : nil
  }

  @unsafe
  private static func open(_ name: Text, _ options: Options, starts: Bool) -> OpaquePointer? {
    var status: UInt32 = 0
    let server = options.text("server")
    return unsafe name.withCString { name in
      guard let server else { return unsafe vsnd_jack_open(name, starts ? 1 : 0, nil, &status) }
      return unsafe server.withCString { server in
        unsafe vsnd_jack_open(name, starts ? 1 : 0, server, &status)
      }
    }
  }

  private func activate() -> Bool {
    let shared = unsafe client.shared
    unsafe shared.pointee.isShutDown.store(false, ordering: .relaxed)
    unsafe shared.pointee.flows.store(true, ordering: .relaxed)
    unsafe shared.pointee.changed.store(true, ordering: .relaxed)
    unsafe listen(handle, shared)
    guard unsafe jack_activate(handle) == 0 else {
      _ = unsafe jack_client_close(handle)
      return false
    }
    return true
  }

  /// Frames of a cycle.
  var period: UInt32 { unsafe jack_get_buffer_size(handle) }

  /// The graph has another rate by now; what streams have is not for it.
  var hasOtherRate: Bool { unsafe jack_get_sample_rate(handle) != rate }

  /// The server ended, or dropped this client; pipewire-jack does not tell.
  var isLost: Bool {
    if unsafe client.shared.pointee.isShutDown.load(ordering: .acquiring) { return true }
    let now = monotonicNanoseconds()
    let count = unsafe client.shared.pointee.cycles.load(ordering: .acquiring)
    if count != cycles {
      cycles = count
      silentSince = now
    }
    guard now > silentSince + Self.silence else { return false }
    silentSince = now
    return answersAnother()
  }

  /// Whether the server takes another client; waits for as long as the server hangs.
  private func answersAnother() -> Bool {
    let other = unsafe Self.open("\(client.name)-probe", client.backend.options, starts: false)
    guard let other = unsafe other else { return true }
    _ = unsafe jack_client_close(other)
    return unsafe client.shared.pointee.cycles.load(ordering: .acquiring) == cycles
  }

  /// Leaves the graph.
  func end() {
    _ = unsafe jack_client_close(handle)
    for number in plans.indices where plans[number] != nil {
      let lane = unsafe client.lane(number)
      unsafe lane.pointee.ports.close()
      unsafe lane.pointee.channels = 0
    }
  }
}

/// Sets the callbacks; their argument lives longer than the client.
private func listen(_ handle: OpaquePointer, _ shared: UnsafeMutablePointer<Shared>) {
  unsafe jack_set_process_callback(
    handle,
    { frames, shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.process(Int(frames))
      return 0
    }, shared)
  unsafe jack_on_shutdown(
    handle,
    { shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.isShutDown.store(true, ordering: .releasing)
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.noteChange()
    }, shared)
  unsafe jack_set_buffer_size_callback(
    handle,
    { frames, shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.resized(frames)
      return 0
    }, shared)
  unsafe jack_set_sample_rate_callback(
    handle,
    { _, shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.noteChange()
      return 0
    }, shared)
  unsafe jack_set_freewheel_callback(
    handle,
    { starting, shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.flows.store(
        starting == 0, ordering: .relaxed)
    }, shared)
  unsafe jack_set_xrun_callback(
    handle,
    { shared in
      unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.lost(1)
      return 0
    }, shared)
  unsafe jack_set_latency_callback(
    handle, { _, shared in unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.noteChange() }, shared)
  unsafe jack_set_port_registration_callback(
    handle, { _, _, shared in unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.noteChange() },
    shared)
  unsafe jack_set_port_connect_callback(
    handle, { _, _, _, shared in unsafe shared?.assumingMemoryBound(to: Shared.self).pointee.noteChange() },
    shared)
}
