// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Sound
import TestSupport
import Testing

/// The table of VS-080, written down once more; the host does what it is asked.
private struct StateModel: Equatable {
  enum Place: String { case initial, parametersSet, prepared, running, stopped, released }
  var place = Place.initial

  /// Whether a command is answered with OK.
  mutating func take(_ command: PCMCommand) -> Bool {
    let row: [PCMCommand: Place] =
      switch place {
      case .initial: [.setParameters: .parametersSet, .stop: .initial, .release: .initial]
      case .parametersSet: [.setParameters: .parametersSet, .prepare: .prepared, .release: .parametersSet]
      case .prepared:
        [.setParameters: .parametersSet, .prepare: .prepared, .start: .running, .release: .released]
      case .running: [.stop: .stopped]
      case .stopped: [.start: .running, .release: .released]
      case .released: [.setParameters: .parametersSet, .prepare: .prepared, .release: .released]
      }
    guard let next = row[command] else { return false }
    place = next
    return true
  }
}

@Suite("PCMState")
struct PCMStateTests {
  /// What a stream does with a step; nil where the command is refused.
  private func follow(_ state: PCMState, _ command: PCMCommand) -> PCMState? {
    switch state.step(command) {
    case .refuse: nil
    case .accept, .keep: state
    case .set, .setAnew: .parametersSet
    case .open: .prepared
    case .start: .running
    case .stop: .stopped
    case .release: .released
    }
  }

  @Test("every sequence of up to five commands is answered as the table says (VS-080…083, hostile 14, 15)")
  func sequences() {
    var count = 0
    func walk(_ state: PCMState, _ model: StateModel, _ depth: Int) {
      guard depth < 5 else { return }
      for command in PCMCommand.allCases {
        var next = model
        let isLegal = next.take(command)
        let followed = follow(state, command)
        count += 1
        guard (followed != nil) == isLegal, "\(followed ?? state)" == next.place.rawValue else {
          Issue.record("\(command) in \(state): \(String(describing: followed)), not \(next.place)")
          continue
        }
        walk(followed ?? state, next, depth + 1)
      }
    }
    walk(.initial, StateModel(), 0)
    #expect(count == 5 + 25 + 125 + 625 + 3125)
  }

  @Test("buffers are given up only where their format or their stream ends (VS-081, VS-082, VS-086)")
  func effects() {
    #expect(PCMState.prepared.step(.setParameters) == .setAnew)
    #expect(PCMState.prepared.step(.prepare) == .keep)
    #expect(PCMState.released.step(.prepare) == .open)
    #expect(PCMState.stopped.step(.start) == .start)
    for state in PCMState.allCases {
      let gives = PCMCommand.allCases.filter { [.release, .setAnew].contains(state.step($0)) }
      let expected: [PCMCommand] =
        switch state {
        case .prepared: [.setParameters, .release]
        case .stopped: [.release]
        default: []
        }
      #expect(gives == expected)
    }
  }
}
