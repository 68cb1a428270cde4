// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginABI
import PluginKit

/// The sinks and sources of the server, and which of them are the defaults.
///
/// Under the lock of the server's loop.
@safe
final class Devices {
  /// A node of the registry.
  private struct Node {
    let id: UInt32
    let name: Text
    let title: Text
    let plays: Bool
    let records: Bool
  }

  private let backend: PipeWireBackend
  private var nodes: [Node] = []
  private var defaultSink: Text?
  private var defaultSource: Text?
  private var registry: OpaquePointer?
  private var metadata: OpaquePointer?
  private var metadataID: UInt32 = 0
  private var managed: () -> Void = {}
  private let hooks: UnsafeMutablePointer<spa_hook>

  init(_ backend: PipeWireBackend) {
    self.backend = backend
    unsafe hooks = .allocate(capacity: 2)
    unsafe hooks.initialize(repeating: spa_hook(), count: 2)
  }

  deinit { unsafe hooks.deallocate() }

  /// Lists the devices of one direction.
  func list(_ direction: Direction, _ emit: (Device) -> Void) {
    let preferred = direction == .playback ? defaultSink : defaultSource
    for node in nodes where direction == .playback ? node.plays : node.records {
      let isDefault = preferred.map { $0 == node.name } ?? false
      emit(
        Device(
          id: node.name, title: node.title,
          flags: VSND_DEVICE_PRESENT | (isDefault ? VSND_DEVICE_DEFAULT : 0)))
    }
  }

  /// Listens to the registry of a new connection.
  ///
  /// - Parameter managed: is called when a session manager comes.
  func follow(_ core: OpaquePointer, managed: @escaping () -> Void) {
    self.managed = managed
    guard let list = unsafe vsnd_pw_registry(core) else { return }
    unsafe registry = list
    unsafe hooks.initialize(to: spa_hook())
    unsafe vsnd_pw_registry_listen(list, hooks, registryEvents, Unmanaged.passUnretained(self).toOpaque())
  }

  /// The connection is lost.
  func forget() {
    // It holds the server, which holds this list.
    managed = {}
    nodes = []
    dropMetadata()
    guard let list = unsafe registry else { return }
    unsafe vsnd_pw_unhook(hooks)
    unsafe pw_proxy_destroy(list)
    unsafe registry = nil
    changed()
  }

  fileprivate func added(
    _ id: UInt32, _ type: UnsafePointer<CChar>, _ properties: UnsafePointer<spa_dict>
  ) {
    let type = unsafe Text(cString: type)
    if type.is("PipeWire:Interface:Metadata") {
      guard unsafe value(properties, "metadata.name")?.is("default") == true, unsafe metadata == nil else {
        return
      }
      return bindMetadata(id)
    }
    guard type.is("PipeWire:Interface:Node"), let name = unsafe value(properties, "node.name"),
      let kind = unsafe value(properties, "media.class")
    else { return }
    let plays = kind.is("Audio/Sink") || kind.is("Audio/Duplex")
    let records = kind.is("Audio/Source") || kind.is("Audio/Source/Virtual") || kind.is("Audio/Duplex")
    guard plays || records else { return }
    let title = unsafe value(properties, "node.description") ?? name
    nodes.append(Node(id: id, name: name, title: title, plays: plays, records: records))
    changed()
  }

  fileprivate func removed(_ id: UInt32) {
    if unsafe metadata != nil, id == metadataID { dropMetadata() }
    let count = nodes.count
    nodes.removeAll { $0.id == id }
    if nodes.count != count { changed() }
  }

  /// The session manager chose a default; `value` is `{ "name": "…" }`.
  fileprivate func set(_ key: Text, _ value: Text?) {
    let name = value.flatMap { nameField($0) }
    if key.is("default.audio.sink") {
      defaultSink = name
    } else if key.is("default.audio.source") {
      defaultSource = name
    } else {
      return
    }
    changed()
  }

  private func bindMetadata(_ id: UInt32) {
    guard let bound = unsafe vsnd_pw_bind_metadata(registry, id) else { return }
    unsafe metadata = bound
    managed()
    metadataID = id
    unsafe (hooks + 1).initialize(to: spa_hook())
    unsafe vsnd_pw_metadata_listen(
      bound, hooks + 1, metadataEvents, Unmanaged.passUnretained(self).toOpaque())
  }

  private func dropMetadata() {
    guard let old = unsafe metadata else { return }
    unsafe vsnd_pw_unhook(hooks + 1)
    unsafe pw_proxy_destroy(old)
    unsafe metadata = nil
    defaultSink = nil
    defaultSource = nil
    changed()
  }

  private func changed() { backend.host.notify(VSND_EVENT_DEVICES, backend) }
}

/// One value of a dictionary.
private func value(_ list: UnsafePointer<spa_dict>, _ key: StaticString) -> Text? {
  // SAFETY: a literal has an end mark.
  let key = unsafe UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
  return unsafe spa_dict_lookup(list, key).map { unsafe Text(cString: $0) }
}

/// The string behind `"name":` of a flat JSON object.
private func nameField(_ json: Text) -> Text? {
  let bytes = json.utf8
  let key = Text("\"name\"").utf8
  var at = 0
  while at + key.count <= bytes.count, bytes[at..<(at + key.count)] != key[...] { at += 1 }
  at += key.count
  while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += 1 }
  let first = at + 1
  at = first
  while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += 1 }
  return at < bytes.count ? Text(bytes[first..<at]) : nil
}

private func devices(_ data: UnsafeMutableRawPointer?) -> Devices? {
  // SAFETY: the hooks are removed before the list goes.
  unsafe data.map { unsafe Unmanaged<Devices>.fromOpaque($0).takeUnretainedValue() }
}

private nonisolated(unsafe) let registryEvents: UnsafePointer<pw_registry_events> = {
  var events = pw_registry_events()
  events.version = UInt32(PW_VERSION_REGISTRY_EVENTS)
  unsafe events.global = { data, id, _, type, _, properties in
    guard let type = unsafe type, let properties = unsafe properties else { return }
    unsafe devices(data)?.added(id, type, properties)
  }
  unsafe events.global_remove = { data, id in unsafe devices(data)?.removed(id) }
  let table = UnsafeMutablePointer<pw_registry_events>.allocate(capacity: 1)
  unsafe table.initialize(to: events)
  return unsafe UnsafePointer(table)
}()

private nonisolated(unsafe) let metadataEvents: UnsafePointer<pw_metadata_events> = {
  var events = pw_metadata_events()
  events.version = UInt32(PW_VERSION_METADATA_EVENTS)
  unsafe events.property = { data, subject, key, _, value in
    guard subject == 0, let key = unsafe key else { return 0 }
    unsafe devices(data)?.set(Text(cString: key), value.map { unsafe Text(cString: $0) })
    return 0
  }
  let table = UnsafeMutablePointer<pw_metadata_events>.allocate(capacity: 1)
  unsafe table.initialize(to: events)
  return unsafe UnsafePointer(table)
}()
