// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Synchronization
import Testing

/// Gate.swift is compiled into these tests: PluginKit itself is made for plugins only.
@Suite("Gate of a backend")
struct GateTests {
  /// What the gate guards, and those who come to it.
  private final class Scene: @unchecked Sendable {
    let gate = Gate()
    let done = Atomic<Bool>(false)
    let visits = Atomic<Int>(0)
    /// Plain: only the gate keeps the threads apart.
    var guarded = 0
    var isOpen = false
    var violations = 0
  }

  @Test("nobody enters before it is opened, nor after it is closed")
  func states() {
    let gate = Gate()
    var entered: [Bool] = []
    func visit() {
      let isIn = gate.enter()
      if isIn { gate.leave() }
      entered.append(isIn)
    }
    visit()
    gate.open()
    visit()
    gate.close()
    visit()
    gate.close()
    gate.open()
    visit()

    #expect(entered == [false, true, false, true])
  }

  @Test("closing waits for who is inside, and nobody is inside afterwards")
  func barrier() {
    let scene = Scene()
    let visitor = Thread {
      while !scene.done.load(ordering: .relaxed) {
        guard scene.gate.enter() else { continue }
        if !scene.isOpen { scene.violations += 1 }
        scene.guarded += 1
        scene.visits.add(1, ordering: .relaxed)
        scene.gate.leave()
      }
      scene.done.store(false, ordering: .releasing)
    }
    visitor.start()
    for _ in 0..<300 {
      scene.isOpen = true
      scene.gate.open()
      let seen = scene.visits.load(ordering: .relaxed)
      while scene.visits.load(ordering: .relaxed) < seen + 10 { usleep(10) }
      scene.gate.close()
      scene.isOpen = false
      scene.guarded += 1
    }
    scene.done.store(true, ordering: .releasing)
    while scene.done.load(ordering: .acquiring) { usleep(100) }

    #expect(scene.violations == 0)
    let visits = scene.visits.load(ordering: .relaxed)
    #expect(scene.guarded == 300 + visits)
  }
}
