// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

// Writes what guests play to files, and lets them record files.

import CLibc
public import PluginABI
import PluginKit

private let file = Plugin(
  name: "file", summary: "plays into files and records from files, WAV or raw",
  capabilities: VSND_CAP_PLAYBACK | VSND_CAP_CAPTURE | VSND_CAP_MULTI | VSND_CAP_PARALLEL,
  options: [
    Option("play", .path, help: "write what guests play to this file; %i becomes the number of the stream"),
    Option("record", .path, help: "let guests record this file; %i becomes the number of the stream"),
    Option(
      "loop", .bool, fallback: "false", help: "start the recorded file again at its end; else silence follows"
    ),
    Option(
      "clock", .choice, choices: "realtime|free", fallback: "realtime",
      help: "realtime: at the rate of the stream; free: as fast as the guest goes"),
    Option(
      "split", .uint, fallback: "4294967295",
      help: "go on in the next WAV file when one has so many bytes of sound; 4 GiB at most"),
  ])

private nonisolated(unsafe) let table = unsafe file.table { host, out, error in
  unsafe file.create(host, out, error) { start in FileBackend(start) }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }

final class FileBackend: Backend {
  private let lock = Lock()
  /// One for each file that was opened for playback in this run.
  private var tracks: [Track] = []

  override func prepare() throws(BackendError) {
    if let play = options.text("play") {
      if let record = options.text("record"), record == play {
        throw BackendError(VSND_E_INVALID, "play and record are the same file, \(play)")
      }
      try Disk.checkWritable(Path(play, stream: 0))
    }
    _ = try recorded()
  }

  override func capabilities(_ device: Text?, _ direction: Direction) throws(BackendError) -> Capabilities {
    if let device { throw BackendError(VSND_E_UNSUPPORTED, "there is no device \(device): file has none") }
    var result = Capabilities.everything
    switch direction {
    case .playback:
      if let play = options.text("play"), Path(play, stream: 0).isWAV { result.formats = WAVShape.formats }
    case .capture:
      if let shapes = try recorded() { result = WAVShape.capabilities(shapes) }
    }
    return result
  }

  override func open(_ params: Parameters, _ feed: consuming Feed) throws(BackendError) -> Stream {
    let pace = Pace(free: options.chosen("clock", "free"), params)
    switch params.direction {
    case .playback:
      try capabilities(params.device, .playback).check(params)
      guard let play = options.text("play") else { return IdleStream(params.direction, pace, feed) }
      let track = try claim(Path(play, stream: params.stream))
      let split = Int(clamping: options.uint("split") ?? .max)
      do throws(BackendError) {
        return PlayStream(try Output(track, params, split: split, host), track, pace, feed, host)
      } catch let failure {
        track.inUse = false
        throw failure
      }
    case .capture:
      guard let record = options.text("record") else {
        try capabilities(params.device, .capture).check(params)
        return IdleStream(params.direction, pace, feed)
      }
      // Before the check: the format of the file says more than that another is not possible.
      let source = try Source.opened(Path(record, stream: params.stream), params, loops: options.bool("loop"))
      try capabilities(params.device, .capture).check(params)
      return RecordStream(source, pace, feed, host)
    }
  }

  /// The shapes of the WAV files to record; nil if any shape will do.
  private func recorded() throws(BackendError) -> [WAVShape]? {
    guard let record = options.text("record") else { return nil }
    let first = Path(record, stream: 0)
    guard first.isNumbered else {
      try Disk.checkReadable(first)
      return first.isWAV ? [try WAVShape(reading: first)] : nil
    }
    var shapes: [WAVShape] = []
    var found = false
    for stream in UInt32(0)..<64 {
      let path = Path(record, stream: stream)
      guard Disk.kind(path) != .missing else { continue }
      try Disk.checkReadable(path)
      found = true
      if path.isWAV { shapes.append(try WAVShape(reading: path)) }
    }
    guard found else { throw BackendError(VSND_E_IO, errno: ENOENT, "cannot read \(first.text)") }
    return first.isWAV ? shapes : nil
  }

  /// The track of a file, for one stream alone.
  private func claim(_ path: Path) throws(BackendError) -> Track {
    try lock.locked { () throws(BackendError) in
      for track in tracks where track.path.text == path.text {
        guard !track.inUse else {
          throw BackendError(
            VSND_E_BUSY, "another stream writes to \(path.text); %i in the path gives each its own file")
        }
        track.inUse = true
        return track
      }
      let track = Track(path)
      tracks.append(track)
      return track
    }
  }
}
