// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginKit

/// The names of the files of one track, made without allocation.
@safe
struct Names: ~Copyable {
  /// NAME, then .wav, then .new, one after the other.
  private let source: UnsafeMutablePointer<CChar>
  private let stem: Int
  private let suffix: Int
  /// The file of the number that was set.
  let current: UnsafeMutablePointer<CChar>
  /// Its name until its header is written.
  let fresh: UnsafeMutablePointer<CChar>
  /// A byte that is 0.
  let zero: UnsafeMutableRawPointer

  init(_ path: Path) {
    let whole = path.text.count
    suffix = path.isWAV ? path.suffix.count : 0
    stem = whole - suffix
    // A dot and the digits of a number, ".new", and the end mark.
    let room = whole + 32
    unsafe source = .allocate(capacity: room)
    unsafe path.text.copy(to: source)
    unsafe (".new" as Text).copy(to: source + whole)
    unsafe current = .allocate(capacity: room)
    unsafe fresh = .allocate(capacity: room)
    unsafe zero = .allocate(byteCount: 1, alignment: 1)
    unsafe zero.storeBytes(of: 0, as: UInt8.self)
    set(1)
  }

  deinit {
    unsafe source.deallocate()
    unsafe current.deallocate()
    unsafe fresh.deallocate()
    unsafe zero.deallocate()
  }

  var text: Text { unsafe Text(cString: current) }

  /// Chooses NAME.wav for 1, NAME.2.wav for 2.
  @_noAllocation @_noLocks
  func set(_ number: Int) {
    var end = stem
    unsafe UnsafeMutableRawPointer(current).copyMemory(from: source, byteCount: stem)
    if number > 1 {
      unsafe current[end] = CChar(UInt8(ascii: "."))
      end &+= 1
      var scale = 1
      while scale &* 10 <= number { scale &*= 10 }
      while scale > 0 {
        unsafe current[end] = CChar(truncatingIfNeeded: 48 &+ number / scale % 10)
        end &+= 1
        scale /= 10
      }
    }
    unsafe UnsafeMutableRawPointer(current + end).copyMemory(from: source + stem, byteCount: suffix)
    end &+= suffix
    unsafe current[end] = 0
    unsafe UnsafeMutableRawPointer(fresh).copyMemory(from: current, byteCount: end)
    unsafe UnsafeMutableRawPointer(fresh + end).copyMemory(from: source + stem + suffix, byteCount: 4)
    unsafe fresh[end &+ 4] = 0
  }
}
