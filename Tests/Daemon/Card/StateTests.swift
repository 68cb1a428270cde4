// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
import Sound
import TestSupport
import Testing

@testable import Daemon

/// The state machine through the control ring; which step leads where is written down anew, from VS-080.
@Suite("Card, states")
struct StateTests {
  /// A row of VS-080: where each command leads from a state; nil for BAD_MSG.
  struct Row: CustomTestStringConvertible {
    let state: PCMState
    let setParameters, prepare, start, stop, release: PCMState?
    var testDescription: String { "\(state)" }

    func next(_ ask: SoundGuest.Ask) -> PCMState? {
      switch ask {
      case .setParameters: setParameters
      case .prepare: prepare
      case .start: start
      case .stop: stop
      case .release: release
      default: nil
      }
    }
  }

  static let table = [
    Row(
      state: .initial, setParameters: .parametersSet, prepare: nil, start: nil, stop: .initial,
      release: .initial),
    Row(
      state: .parametersSet, setParameters: .parametersSet, prepare: .prepared, start: nil, stop: nil,
      release: .parametersSet),
    Row(
      state: .prepared, setParameters: .parametersSet, prepare: .prepared, start: .running, stop: nil,
      release: .released),
    Row(state: .running, setParameters: nil, prepare: nil, start: nil, stop: .stopped, release: nil),
    Row(state: .stopped, setParameters: nil, prepare: nil, start: .running, stop: nil, release: .released),
    Row(
      state: .released, setParameters: .parametersSet, prepare: .prepared, start: nil, stop: nil,
      release: .released),
  ]
  static let asks: [SoundGuest.Ask] = [.setParameters, .prepare, .start, .stop, .release]

  @Test(
    "every command in every state leads where VS-080 says, or changes nothing at all (hostile 14, 15)",
    arguments: table, asks)
  func everyStep(row: Row, ask: SoundGuest.Ask) throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: row.state) == .ok)
    let holds = [.prepared, .running, .stopped].contains(row.state)
    let data = [UInt8].pattern(3 * 1920)
    let buffers = holds ? (0..<3).map { guest.play(Array(data[$0 * 1920..<($0 + 1) * 1920])) } : []
    let calls = bench.hosts[0].takeCalls().count

    let status = guest.request(ask)

    guard let next = row.next(ask) else {
      #expect(status == .badMessage)
      #expect(bench.state() == row.state)
      #expect(calls + bench.hosts[0].calls.count == calls)
      return try keepsPlaying(bench, guest, row.state, buffers, data)
    }
    #expect(status == .ok)
    #expect(bench.state() == next)
  }

  /// What a refused command must leave: the buffers, and a stream that goes on.
  private func keepsPlaying(
    _ bench: CardBench, _ guest: SoundGuest, _ state: PCMState, _ buffers: [GuestRing.Message],
    _ data: [UInt8]
  ) throws {
    #expect(guest.used(SoundGuest.transmit).isEmpty)
    switch state {
    case .prepared, .stopped: #expect(guest.request(.start) == .ok)
    case .running: break
    default: return #expect(guest.requests([.setParameters, .prepare, .start]) == .ok)
    }
    #expect(bench.hosts[0].hear(3 * 480) == data)
    #expect(buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit)?.count == 8 })
  }

  @Test("the last parameters set before PREPARE are those the host is opened with (VS-077)")
  func lastParametersWin() throws {
    let bench = try CardBench()
    let guest = try bench.guest()

    for rate in [1, 6, 7] as [UInt8] {
      #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(rate: rate)) == .ok)
    }
    #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(period: 0)) == .badMessage)
    #expect(guest.request(.prepare) == .ok)

    #expect(bench.hosts[0].parameters?.rate == .hz48000)
    #expect(bench.hosts[0].parameters?.periodFrames == 480)
    #expect(bench.hosts[0].parameters?.bufferFrames == 1920)
  }

  @Test("new parameters in Prepared return what was queued with the old ones, and close the host (VS-086)")
  func parametersAgain() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    let buffers = (0..<3).map { _ in guest.play([UInt8](repeating: 1, count: 1920)) }

    #expect(guest.request(.setParameters, 0, SoundGuest.Parameters(rate: 6)) == .ok)

    for buffer in buffers {
      #expect(guest.answer(buffer, on: SoundGuest.transmit)?.count == 8)
      #expect(guest.rings[SoundGuest.transmit].status(of: buffer).status == 0x8000)
    }
    #expect(bench.hosts[0].takeCalls() == ["prepare", "release discard"])
    #expect(guest.requests([.prepare, .start]) == .ok)
    #expect(bench.hosts[0].parameters?.rate == .hz44100)
    // Nothing of the old ones is heard.
    guest.play([UInt8](repeating: 2, count: 1920))
    #expect(bench.hosts[0].hear(1000) == [UInt8](repeating: 2, count: 1920))
  }

  @Test("PREPARE in Prepared keeps the buffers and does not trouble the host (VS-086)")
  func prepareAgain() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    let data = [UInt8].pattern(1920)
    let buffer = guest.play(data)

    #expect(guest.request(.prepare) == .ok)

    #expect(guest.answer(buffer, on: SoundGuest.transmit) == nil)
    #expect(guest.request(.start) == .ok)
    #expect(bench.hosts[0].hear(480) == data)
    #expect(bench.hosts[0].takeCalls() == ["prepare", "start"])
  }

  @Test("STOP holds what is queued, and START plays it from the frame where it stopped (VS-082)")
  func stopHolds() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running) == .ok)
    let data = [UInt8].pattern(2 * 1920)
    let buffers = [guest.play(Array(data[..<1920])), guest.play(Array(data[1920...]))]
    #expect(bench.hosts[0].hear(100) == Array(data[..<400]))

    #expect(guest.request(.stop) == .ok)
    #expect(bench.hosts[0].hear(100).isEmpty)
    #expect(buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit) == nil })
    #expect(guest.request(.start) == .ok)

    #expect(bench.hosts[0].hear(1000) == Array(data[400...]))
    #expect(buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit)?.count == 8 })
  }

  @Test("RELEASE keeps the parameters: STOP, RELEASE, PREPARE, START plays again (VS-081)")
  func releaseKeepsParameters() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .running, SoundGuest.Parameters(channels: 1)) == .ok)
    #expect(guest.requests([.stop, .release, .prepare, .start]) == .ok)

    #expect(bench.hosts[0].parameters?.channels == 1)
    let data = [UInt8].pattern(960)
    guest.play(data)
    #expect(bench.hosts[0].hear(480) == data)
    #expect(bench.hosts[0].takeCalls() == ["prepare", "start", "stop", "release drain", "prepare", "start"])
  }

  @Test("a player that writes and closes without starting gets its buffers back at RELEASE (VS-084)")
  func releaseWithoutStart() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.bring(to: .prepared) == .ok)
    let buffers = (0..<4).map { _ in guest.play([UInt8](repeating: 1, count: 1920)) }

    #expect(guest.request(.release) == .ok)

    #expect(buffers.allSatisfy { guest.answer($0, on: SoundGuest.transmit)?.count == 8 })
    #expect(bench.hosts[0].takeCalls() == ["prepare", "release drain"])
  }

  @Test("recorded audio reaches the guest, in order and in the length used (VS-113, VS-202)")
  func recording() throws {
    let bench = try CardBench()
    let guest = try bench.guest()
    #expect(guest.requests([.setParameters, .prepare], 1) == .ok)
    let rooms = (0..<4).map { _ in guest.record(1920) }
    #expect(guest.request(.start, 1) == .ok)

    let data = [UInt8].pattern(4 * 1920)
    #expect(bench.hosts[1].speak(data) == data.count)

    for (index, room) in rooms.enumerated() {
      #expect(guest.answer(room, on: SoundGuest.receive)?.count == 1928)
      #expect(
        guest.rings[SoundGuest.receive].recorded(room) == Array(data[index * 1920..<(index + 1) * 1920]))
    }
  }
}
