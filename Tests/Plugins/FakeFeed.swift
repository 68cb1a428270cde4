// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// The daemon's side of one stream, as a plugin sees it: lends bytes of an array and keeps what comes back.
final class FakeFeed: @unchecked Sendable {
  let frameBytes: Int
  /// Frames of the spans of a loan, in turn.
  var cuts: [Int] = [1 << 20]
  /// What the guest plays, or, growing, what it recorded.
  private(set) var data: [UInt8]
  /// Frames that the guest has made ready, or has room for, beyond those committed.
  var ready: Int
  private(set) var committed = 0
  private(set) var xruns: [UInt32] = []
  private(set) var failures: [Int32] = []
  private(set) var delays: [Int64?] = []
  /// Calls that break the rules: a second loan, or a commit of more than was lent.
  private(set) var violations = 0
  private(set) var acquires = 0

  private let capture: Bool
  private var loan: [(memory: UnsafeMutableRawPointer, frames: Int)] = []
  private var lending = false

  /// Playback of `data`, all of it ready.
  init(playing data: [UInt8], frameBytes: Int) {
    self.frameBytes = frameBytes
    self.data = data
    ready = data.count / frameBytes
    capture = false
  }

  /// Capture, with room for `room` frames.
  init(recording room: Int, frameBytes: Int) {
    self.frameBytes = frameBytes
    data = []
    ready = room
    capture = true
  }

  var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

  static func of(_ handle: OpaquePointer) -> FakeFeed {
    Unmanaged<FakeFeed>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
  }

  /// Makes more ready: the guest plays `bytes` too.
  func append(_ bytes: [UInt8]) {
    data += bytes
    ready += bytes.count / frameBytes
  }

  func acquire(_ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32) -> UInt32 {
    acquires += 1
    guard !lending else {
      violations += 1
      return 0
    }
    var left = min(Int(frames), ready)
    var at = committed
    while left > 0, loan.count < Int(capacity) {
      let run = min(left, cuts[loan.count % cuts.count])
      let memory = UnsafeMutableRawPointer.allocate(byteCount: run * frameBytes, alignment: 1)
      if capture {
        memory.initializeMemory(as: UInt8.self, repeating: 0x5A, count: run * frameBytes)
      } else {
        for index in 0..<run * frameBytes {
          memory.storeBytes(of: data[at * frameBytes + index], toByteOffset: index, as: UInt8.self)
        }
      }
      spans[loan.count] = vsnd_span_t(data: memory, frames: UInt32(run), reserved: 0)
      loan.append((memory, run))
      at += run
      left -= run
    }
    lending = !loan.isEmpty
    return UInt32(loan.count)
  }

  func commit(_ frames: UInt32, _ timing: UnsafePointer<vsnd_timing_t>?) {
    let lent = loan.reduce(0) { $0 + $1.frames }
    if Int(frames) > lent { violations += 1 }
    let used = min(Int(frames), lent)
    if capture {
      var left = used
      for part in loan where left > 0 {
        let run = min(part.frames, left)
        data += UnsafeRawBufferPointer(start: part.memory, count: run * frameBytes)
        left -= run
      }
    }
    for part in loan { part.memory.deallocate() }
    loan = []
    lending = false
    committed += used
    ready -= used
    delays.append(timing?.pointee.delay_frames)
  }

  func xrun(_ frames: UInt32) { xruns.append(frames) }

  func failed(_ code: Int32) { failures.append(code) }
}
