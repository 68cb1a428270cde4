// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CPipeWire
import PluginKit

/// How a stream shows in mixers and patch bays, and what it asks of the session manager.
struct StreamNames {
  /// media.name: the stream's.
  let media: Text
  private let vm: Text?
  private let index: UInt32
  private let role: Text?
  private let device: Text?
  private let rate: UInt32
  private let latency: UInt32
  private let remixes: Bool
  private let makesPorts: Bool

  init(_ params: Parameters, _ options: Options) {
    media = params.label
    index = params.stream
    vm = options.text("vm-name")
    role = options.text("role")
    device = params.device
    rate = params.rate
    remixes = options.bool("remix")
    makesPorts = options.bool("ports")
    if let asked = options.duration("latency") {
      latency = UInt32(clamping: max(1, UInt64(params.rate) * min(asked, 10_000_000_000) / 1_000_000_000))
    } else {
      latency = max(1, params.periodFrames)
    }
  }

  /// The properties of the pw_stream, which takes them over.
  func properties(_ direction: Direction) -> UnsafeMutablePointer<pw_properties>? {
    guard let list = unsafe vsnd_pw_properties() else { return nil }
    let isCapture = direction == .capture
    let title = vm ?? "vhost-device-sound"
    unsafe set(list, "media.type", "Audio")
    unsafe set(list, "media.category", isCapture ? "Capture" : "Playback")
    if let role { unsafe set(list, "media.role", role) }
    unsafe set(list, "media.name", media)
    unsafe set(list, "application.name", title)
    let way: Text = isCapture ? "capture" : "playback"
    unsafe set(list, "node.name", "\(title).\(way).\(index)")
    unsafe set(list, "node.description", "\(title): \(media)")
    unsafe set(list, "node.latency", "\(latency)/\(rate)")
    unsafe set(list, "node.rate", "1/\(rate)")
    if !remixes { unsafe set(list, "stream.dont-remix", "true") }
    if makesPorts { unsafe set(list, "adapter.auto-port-config", "{ mode = dsp }") }
    if let device { unsafe target(list, device, isCapture) }
    return unsafe list
  }

  /// A device is a node.name; what a sink plays is recorded from NAME.monitor.
  private func target(_ list: UnsafeMutablePointer<pw_properties>, _ device: Text, _ isCapture: Bool) {
    let bytes = device.utf8
    let suffix = Text(".monitor").utf8
    if isCapture, bytes.count > suffix.count, bytes[(bytes.count - suffix.count)...] == suffix[...] {
      unsafe set(list, "stream.capture.sink", "true")
      unsafe set(list, "target.object", Text(bytes[..<(bytes.count - suffix.count)]))
    } else {
      unsafe set(list, "target.object", device)
    }
  }
}

/// Sets one property.
@unsafe
func set(_ list: UnsafeMutablePointer<pw_properties>, _ key: StaticString, _ value: Text) {
  unsafe value.withCString { value in
    // SAFETY: a literal has an end mark.
    let key = unsafe UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
    _ = unsafe pw_properties_set(list, key, value)
  }
}
