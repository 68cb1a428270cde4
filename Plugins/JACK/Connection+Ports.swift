// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CJACK
import CLibc
import PluginABI
import PluginKit
import Synchronization

/// What the ports of a lane are still to be connected to.
enum Wish {
  /// The matches of a pattern, one for each channel in order; nil: the physical ports.
  case pattern(Text?)
  /// What they were connected to before the server was lost: own port and other.
  case again([(own: Text, other: Text)])
}

extension Connection {
  /// Gives a lane its ports; those that it has already stay, with whatever a user connected.
  func give(_ plan: LanePlan, _ number: Int) {
    let lane = unsafe client.lane(number)
    if let old = plans[number], old.ports == plan.ports, old.isCapture == plan.isCapture {
      if old != plan { wish(plan, number) }
      plans[number] = plan
      return
    }
    unsafe lane.pointee.ports.close()
    for index in 0..<(unsafe lane.pointee.channels) {
      _ = unsafe jack_port_unregister(handle, lane.pointee.handles[index])
    }
    let way = plan.isCapture ? JackPortIsInput.rawValue : JackPortIsOutput.rawValue
    let flags = UInt(way | JackPortIsTerminal.rawValue)
    for (index, name) in plan.ports.enumerated() {
      let port = unsafe name.withCString {
        unsafe jack_port_register(handle, $0, JACK_DEFAULT_AUDIO_TYPE, flags, 0)
      }
      unsafe lane.pointee.handles[index] = port
    }
    unsafe lane.pointee.isCapture = plan.isCapture
    unsafe lane.pointee.channels = plan.ports.count
    plans[number] = plan
    wish(plan, number)
    measure(number)
    unsafe lane.pointee.ports.open()
    let used = unsafe client.shared.pointee.used.load(ordering: .relaxed)
    unsafe client.shared.pointee.used.store(max(used, number + 1), ordering: .releasing)
  }

  private func wish(_ plan: LanePlan, _ number: Int) {
    let before = client.saved(plan.ports)
    let option = client.backend.options.text("connect") ?? "auto"
    if !before.isEmpty {
      wishes[number] = .again(before)
    } else if let pattern = plan.pattern {
      wishes[number] = .pattern(pattern)
    } else if !option.is("none") {
      wishes[number] = .pattern(option.is("auto") ? nil : option)
    }
  }

  /// Connects what is to be connected and there by now, and remembers what users connected.
  ///
  /// - Returns: whether the wish of a stream came true.
  func connect(changed: Bool) -> Bool {
    var isDone = false
    for (number, plan) in plans.enumerated() {
      guard let plan else { continue }
      if let wish = wishes[number] {
        wishes[number] = satisfy(wish, plan)
        isDone = isDone || wishes[number] == nil
      }
      guard changed else { continue }
      measure(number)
      if wishes[number] == nil { client.save(plan.ports, connections(number)) }
    }
    return isDone
  }

  /// Waits until what was connected is in use: the graph changes between two cycles.
  func settle() {
    let start = unsafe client.shared.pointee.cycles.load(ordering: .relaxed)
    let limit = monotonicNanoseconds() + 100_000_000
    while unsafe client.shared.pointee.cycles.load(ordering: .relaxed) &- start < 2,
      monotonicNanoseconds() < limit
    {
      usleep(1000)
    }
  }

  /// Returns what remains to be done.
  private func satisfy(_ wish: Wish, _ plan: LanePlan) -> Wish? {
    switch wish {
    case .again(let pairs):
      var left: [(own: Text, other: Text)] = []
      for pair in pairs where !connect(pair.own, pair.other, plan.isCapture) { left.append(pair) }
      return left.isEmpty ? nil : .again(left)
    case .pattern(let pattern):
      let others = ports(pattern, capture: plan.isCapture, physical: pattern == nil)
      guard !others.isEmpty else { return wish }
      for (index, own) in plan.ports.enumerated() where index < others.count {
        _ = connect(own, others[index], plan.isCapture)
      }
      // One channel is heard on both sides.
      if plan.ports.count == 1, !plan.isCapture, others.count > 1 {
        _ = connect(plan.ports[0], others[1], false)
      }
      return nil
    }
  }

  private func connect(_ own: Text, _ other: Text, _ isCapture: Bool) -> Bool {
    unsafe ("\(name):\(own)" as Text).withCString { own in
      unsafe other.withCString { other in
        let result =
          isCapture ? unsafe jack_connect(handle, other, own) : unsafe jack_connect(handle, own, other)
        return result == 0 || result == 17  // EEXIST
      }
    }
  }

  /// Asks how far the ports are from ear or mouth.
  private func measure(_ number: Int) {
    let lane = unsafe client.lane(number)
    var most: UInt32 = 0
    for index in 0..<(unsafe lane.pointee.channels) {
      guard let port = unsafe lane.pointee.handles[index] else { continue }
      var range = jack_latency_range_t()
      let mode = unsafe lane.pointee.isCapture ? JackCaptureLatency : JackPlaybackLatency
      unsafe jack_port_get_latency_range(port, mode, &range)
      most = max(most, range.max)
    }
    unsafe lane.pointee.latency.store(most, ordering: .relaxed)
  }

  private func connections(_ number: Int) -> [(own: Text, other: Text)] {
    guard let plan = plans[number] else { return [] }
    let lane = unsafe client.lane(number)
    var pairs: [(own: Text, other: Text)] = []
    for (index, own) in plan.ports.enumerated() {
      guard let port = unsafe lane.pointee.handles[index] else { continue }
      for other in unsafe list(jack_port_get_all_connections(handle, port)) { pairs.append((own, other)) }
    }
    return pairs
  }

  // MARK: Ports of others

  /// Ports that could be connected to ours, in the graph's order.
  ///
  /// - Parameter capture: ours take sound.
  func ports(_ pattern: Text?, capture: Bool, physical: Bool) -> [Text] {
    var flags = UInt(capture ? JackPortIsOutput.rawValue : JackPortIsInput.rawValue)
    if physical { flags |= UInt(JackPortIsPhysical.rawValue) }
    guard let pattern else { return unsafe list(jack_get_ports(handle, nil, JACK_DEFAULT_AUDIO_TYPE, flags)) }
    return unsafe pattern.withCString {
      unsafe list(jack_get_ports(handle, $0, JACK_DEFAULT_AUDIO_TYPE, flags))
    }
  }

  func groups(capture: Bool) -> [Graph.Group] {
    Graph.groups(
      ports(nil, capture: capture, physical: false), physical: ports(nil, capture: capture, physical: true),
      but: name)
  }

  /// Copies a list of the library's, and frees it.
  @unsafe
  private func list(_ names: UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> [Text] {
    guard let names = unsafe names else { return [] }
    var texts: [Text] = []
    var index = 0
    while let name = unsafe names[index] {
      unsafe texts.append(Text(cString: name))
      index += 1
    }
    unsafe jack_free(names)
    return texts
  }
}
