// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Floor
import Platform
import PluginABI
import Sound
import Synchronization
import TestSupport
import Virtqueue

/// A guest that offers periods again and again, and two ways to play them.
final class Workload {
  private let bench: TransferBench
  private let frames: Int
  private let periods: Int
  private var heads: [UInt16] = []
  /// Making a chain puts it into the avail ring as well.
  private var isOffered = true
  private let device: UnsafeMutableRawPointer
  private var floor: floor_ring_t
  /// Pieces of one period's audio.
  let pieces: Int

  struct Lost: Error {}

  /// - Parameters:
  ///   - frames: of 4 bytes, in a period.
  ///   - piece: bytes of a descriptor, as a guest's pages make them.
  init(frames: Int, piece: Int, periods: Int) throws {
    bench = try TransferBench(isCapture: false, size: 256, guest: MemoryGuest(sizes: [1 << 26]))
    self.frames = frames
    self.periods = periods
    let guest = bench.guest
    let bytes = frames * 4
    device = .allocate(byteCount: bytes, alignment: 64)
    pieces = (bytes + piece - 1) / piece
    let ring = bench.ring
    floor = floor_ring_t(
      memory: guest.pointer(guest.regions[0].guestAddress).assumingMemoryBound(to: UInt8.self),
      origin: guest.regions[0].guestAddress, descriptors: ring.descriptorTable, avail: ring.availRing,
      used: ring.usedRing, size: 256, next_avail: 0, next_used: 0)
    // Neither side is to pay for notifications: those cost the same system call for both.
    guest.write([1, 0], at: ring.availRing)
    for _ in 0..<periods {
      let header = guest.allocate(4)
      guest.write([0, 0, 0, 0], at: header)
      var list = [GuestRing.Piece(header, 4)]
      for offset in stride(from: 0, to: bytes, by: piece) {
        // A gap between the pieces, so that none can be joined.
        list.append(GuestRing.Piece(guest.allocate(piece + 64), min(piece, bytes - offset)))
      }
      list.append(GuestRing.Piece(guest.allocate(8), 8, writable: true))
      heads.append(ring.add(list, as: .indirect))
    }
  }

  deinit { device.deallocate() }

  /// Offers all periods at once; their descriptors stay as they are from round to round.
  private func offer() {
    if !isOffered { for head in heads { bench.ring.offer(head) } }
    isOffered = false
    bench.ring.publish()
  }

  /// Takes all periods back.
  private func take() throws {
    guard bench.ring.takeUsed().count == periods else { throw Lost() }
  }

  /// Plays through queue and feed as a backend does; returns ns a period.
  func playThroughFeed() throws -> Double {
    offer()
    let feed = bench.feeds[0]
    let before = feed.pointee.committed.load(ordering: .relaxed)
    let elapsed = withUnsafeTemporaryAllocation(of: vsnd_span_t.self, capacity: 64) { spans -> UInt64 in
      guard let base = spans.baseAddress else { return 0 }
      let start = MonotonicClock.now
      for _ in 0..<periods {
        let count = feed.pointee.acquire(UInt32(frames), base, 64)
        var done = 0
        for index in 0..<Int(count) {
          guard let data = base[index].data else { continue }
          (device + done).copyMemory(from: data, byteCount: Int(base[index].frames) * 4)
          done += Int(base[index].frames) * 4
        }
        feed.pointee.commit(UInt32(done / 4), delay: 0)
      }
      return MonotonicClock.now - start
    }
    let played = feed.pointee.committed.load(ordering: .relaxed) - before
    guard played == UInt64(frames * periods) else { throw Lost() }
    try take()
    return Double(elapsed) / Double(periods)
  }

  /// Plays with the plain C loop; returns ns a period.
  func playPlain() throws -> Double {
    offer()
    var bytes = 0
    let target = device.assumingMemoryBound(to: UInt8.self)
    let start = MonotonicClock.now
    for _ in 0..<periods { bytes += Int(floor_play(&floor, target)) }
    let elapsed = MonotonicClock.now - start
    guard bytes == frames * 4 * periods else { throw Lost() }
    try take()
    return Double(elapsed) / Double(periods)
  }
}
