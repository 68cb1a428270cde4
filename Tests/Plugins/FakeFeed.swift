// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PluginABI

/// The daemon's side of one stream, as a plugin sees it: lends bytes of an array and keeps what comes back.
///
/// Any thread may use it, as a backend with a thread of its own does beside the test.
final class FakeFeed: @unchecked Sendable {
  let frameBytes: Int
  private let capture: Bool
  private let lock = NSLock()
  private var state: State

  /// A commit: how many frames there were before it and after it, its delay, and when it came, in seconds.
  struct Moment {
    let before: Int
    let after: Int
    let delay: Int64?
    let time: Double
  }

  private struct State {
    var cuts: [Int] = [1 << 20]
    var data: [UInt8]
    var ready: Int
    var committed = 0
    var xruns: [UInt32] = []
    var failures: [Int32] = []
    var delays: [Int64?] = []
    var moments: [Moment] = []
    var violations = 0
    var acquires = 0
    var loan: [(memory: UnsafeMutableRawPointer, frames: Int)] = []
    var lending = false
  }

  /// Frames of the spans of a loan, in turn.
  var cuts: [Int] {
    get { locked { $0.cuts } }
    set { locked { $0.cuts = newValue } }
  }
  /// Frames that the guest has made ready, or has room for, beyond those committed.
  var ready: Int {
    get { locked { $0.ready } }
    set { locked { $0.ready = newValue } }
  }
  /// What the guest plays, or, growing, what it recorded.
  var data: [UInt8] { locked { $0.data } }
  var committed: Int { locked { $0.committed } }
  var xruns: [UInt32] { locked { $0.xruns } }
  var failures: [Int32] { locked { $0.failures } }
  var delays: [Int64?] { locked { $0.delays } }
  /// When what was committed.
  var moments: [Moment] { locked { $0.moments } }
  /// Calls that break the rules: a second loan, or a commit of more than was lent.
  var violations: Int { locked { $0.violations } }
  var acquires: Int { locked { $0.acquires } }

  /// Playback of `data`, all of it ready.
  init(playing data: [UInt8], frameBytes: Int) {
    self.frameBytes = frameBytes
    state = State(data: data, ready: data.count / frameBytes)
    capture = false
  }

  /// Capture, with room for `room` frames.
  init(recording room: Int, frameBytes: Int) {
    self.frameBytes = frameBytes
    state = State(data: [], ready: room)
    capture = true
  }

  var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

  static func of(_ handle: OpaquePointer) -> FakeFeed {
    Unmanaged<FakeFeed>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
  }

  /// Makes more ready: the guest plays `bytes` too.
  func append(_ bytes: [UInt8]) {
    locked {
      $0.data += bytes
      $0.ready += bytes.count / frameBytes
    }
  }

  func acquire(_ frames: UInt32, _ spans: UnsafeMutablePointer<vsnd_span_t>, _ capacity: UInt32) -> UInt32 {
    locked { state in
      state.acquires += 1
      guard !state.lending else {
        state.violations += 1
        return 0
      }
      var left = min(Int(frames), state.ready)
      var at = state.committed
      while left > 0, state.loan.count < Int(capacity) {
        let run = min(left, state.cuts[state.loan.count % state.cuts.count])
        let memory = lent(run, at: at, state.data)
        spans[state.loan.count] = vsnd_span_t(data: memory, frames: UInt32(run), reserved: 0)
        state.loan.append((memory, run))
        at += run
        left -= run
      }
      state.lending = !state.loan.isEmpty
      return UInt32(state.loan.count)
    }
  }

  func commit(_ frames: UInt32, _ timing: UnsafePointer<vsnd_timing_t>?) {
    let delay = timing?.pointee.delay_frames
    locked { state in
      let lent = state.loan.reduce(0) { $0 + $1.frames }
      if Int(frames) > lent { state.violations += 1 }
      let used = min(Int(frames), lent)
      var left = used
      for part in state.loan where capture && left > 0 {
        let run = min(part.frames, left)
        state.data += UnsafeRawBufferPointer(start: part.memory, count: run * frameBytes)
        left -= run
      }
      for part in state.loan { part.memory.deallocate() }
      state.loan = []
      state.lending = false
      state.committed += used
      state.ready -= used
      state.delays.append(delay)
      let time = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
      state.moments.append(
        Moment(before: state.committed - used, after: state.committed, delay: delay, time: time))
    }
  }

  func xrun(_ frames: UInt32) { locked { $0.xruns.append(frames) } }

  func failed(_ code: Int32) { locked { $0.failures.append(code) } }

  /// Fresh memory of a span: what the guest plays from frame `at`, or rubbish to be overwritten.
  private func lent(_ frames: Int, at frame: Int, _ data: [UInt8]) -> UnsafeMutableRawPointer {
    let count = frames * frameBytes
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
    if capture {
      memory.initializeMemory(as: UInt8.self, repeating: 0x5A, count: count)
    } else {
      data.withUnsafeBytes { all in
        let from = UnsafeRawBufferPointer(rebasing: all[frame * frameBytes..<frame * frameBytes + count])
        UnsafeMutableRawBufferPointer(start: memory, count: count).copyMemory(from: from)
      }
    }
    return memory
  }

  private func locked<Result>(_ body: (inout State) -> Result) -> Result {
    lock.withLock { body(&state) }
  }
}
