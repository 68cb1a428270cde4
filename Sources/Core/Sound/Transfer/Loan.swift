// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import PluginABI

/// One run of frames of a loan, as the backend sees it.
@safe
struct LoanPart {
  enum Kind: UInt8 {
    /// Guest memory itself.
    case guest
    /// Bytes saved at a stop of the ring.
    case carry
    /// Memory of the daemon's that stands for guest memory: a frame cut by a border, or a whole loan.
    case copy
  }

  let base: UnsafeMutableRawPointer
  var frames: UInt32
  let kind: Kind
}

/// What is lent just now; all memory is there beforehand.
@safe
struct Loan: ~Copyable {
  private let parts: UnsafeMutablePointer<LoanPart>
  private(set) var partCount: UInt32 = 0
  private(set) var frames: UInt32 = 0
  var wanted: UInt32 = 0
  /// Room for frames that a descriptor border cuts.
  private let stitches: UnsafeMutableRawPointer
  private var stitchCount: UInt32 = 0
  /// Lent instead of guest memory to backends that may block; nil for others.
  private(set) var bounce: UnsafeMutableRawPointer?
  private(set) var bounceBytes = 0

  static var capacity: UInt32 { @_noAllocation @_noLocks get { 64 } }
  private static var stitchCapacity: UInt32 { @_noAllocation @_noLocks get { 64 } }
  /// The widest frame: 18 channels of 8 bytes.
  private static var stitchBytes: Int { @_noAllocation @_noLocks get { 144 } }

  init() {
    unsafe parts = .allocate(capacity: Int(Self.capacity))
    unsafe stitches = .allocate(byteCount: Int(Self.stitchCapacity) * Self.stitchBytes, alignment: 16)
  }

  deinit {
    unsafe parts.deallocate()
    unsafe stitches.deallocate()
    unsafe bounce?.deallocate()
  }

  /// Control thread: what comes next lends `bounceBytes` of the daemon's memory, or guest memory when 0.
  ///
  /// The memory only grows, and an outgrown piece is left alone while a hung backend may still use it.
  mutating func prepare(bounceBytes: Int, _ attic: inout Attic, inUse: Bool) {
    partCount = 0
    frames = 0
    if bounceBytes > self.bounceBytes || inUse {
      if let bounce = unsafe bounce { unsafe attic.put(bounce, inUse: inUse) }
      unsafe bounce = bounceBytes == 0 ? nil : .allocate(byteCount: bounceBytes, alignment: 16)
      self.bounceBytes = bounceBytes
    }
    bouncing = bounceBytes > 0
  }
  private(set) var bouncing = false

  @_noAllocation @_noLocks
  mutating func begin(_ wanted: UInt32) {
    partCount = 0
    frames = 0
    stitchCount = 0
    self.wanted = wanted
  }

  /// Whether the guest had all that was asked for.
  @_noAllocation @_noLocks
  func isFull() -> Bool { frames == wanted }

  @_noAllocation @_noLocks
  func part(_ index: UInt32) -> LoanPart {
    // SAFETY: callers stay below partCount.
    unsafe parts[Int(index)]
  }

  /// Adds `frames` at `base`, joined to the last part where that ends there; false when there is no room.
  @_noAllocation @_noLocks
  mutating func add(
    _ base: UnsafeMutableRawPointer, _ frames: UInt32, _ kind: LoanPart.Kind, frameBytes: UInt32,
    limit: UInt32
  ) -> Bool {
    if partCount > 0, kind == .guest {
      // SAFETY: partCount is above 0.
      let last = unsafe parts + Int(partCount &- 1)
      if unsafe last.pointee.kind == .guest,
        unsafe last.pointee.base + Int(last.pointee.frames) &* Int(frameBytes) == base
      {
        unsafe last.pointee.frames &+= frames
        self.frames &+= frames
        return true
      }
    }
    guard partCount < limit, partCount < Loan.capacity else { return false }
    // SAFETY: partCount is below the capacity.
    unsafe (parts + Int(partCount)).initialize(to: LoanPart(base: base, frames: frames, kind: kind))
    partCount &+= 1
    self.frames &+= frames
    return true
  }

  /// Room for one frame that is cut by a border; nil when all is in use.
  @_noAllocation @_noLocks
  mutating func stitch() -> UnsafeMutableRawPointer? {
    guard stitchCount < Loan.stitchCapacity else { return nil }
    stitchCount &+= 1
    return unsafe stitches + Int(stitchCount &- 1) &* Loan.stitchBytes
  }
}

/// Memory that was lent, and is given up while a hung audio context may still use it.
@safe
struct Attic: ~Copyable {
  private var pieces: [UnsafeMutableRawPointer] = unsafe []

  init() {}

  deinit { freeAll() }

  private func freeAll() {
    for index in unsafe pieces.indices { unsafe pieces[index].deallocate() }
  }

  /// Control thread: takes over `piece`, and frees it as soon as nobody uses it.
  mutating func put(_ piece: UnsafeMutableRawPointer, inUse: Bool) {
    if !inUse {
      freeAll()
      unsafe pieces = []
      unsafe piece.deallocate()
    } else {
      unsafe pieces.append(piece)
    }
  }
}

/// Audio that had to be saved when the ring stopped: it precedes all chains (VU-087).
@safe
struct Carry: ~Copyable {
  private var bytes: UnsafeMutableRawPointer?
  private var count: UInt32 = 0
  private var offset: UInt32 = 0

  init() {}

  deinit { unsafe bytes?.deallocate() }

  @_noAllocation @_noLocks
  func remaining() -> UInt32 { count &- offset }

  /// Where the remaining bytes begin.
  @_noAllocation @_noLocks
  func base() -> UnsafeMutableRawPointer? {
    guard let bytes = unsafe bytes else { return nil }
    return unsafe bytes + Int(offset)
  }

  /// Drops up to `wanted` bytes; returns how many.
  @_noAllocation @_noLocks
  mutating func consume(_ wanted: UInt32) -> UInt32 {
    let taken = wanted < remaining() ? wanted : remaining()
    offset &+= taken
    return taken
  }

  /// Control thread: makes room for `more` bytes behind what remains and returns where they go.
  mutating func extend(_ more: UInt32, _ attic: inout Attic, inUse: Bool) -> UnsafeMutableRawPointer {
    let old = remaining()
    let bigger = UnsafeMutableRawPointer.allocate(byteCount: max(1, Int(old + more)), alignment: 16)
    // SAFETY: the old bytes are as many as remain, and fit.
    if let base = unsafe base() { unsafe bigger.copyMemory(from: base, byteCount: Int(old)) }
    if let bytes = unsafe bytes { unsafe attic.put(bytes, inUse: inUse) }
    unsafe bytes = bigger
    count = old + more
    offset = 0
    return unsafe bigger + Int(old)
  }

  /// Control thread: forgets everything.
  mutating func clear(_ attic: inout Attic, inUse: Bool) {
    if let bytes = unsafe bytes { unsafe attic.put(bytes, inUse: inUse) }
    unsafe bytes = nil
    count = 0
    offset = 0
  }
}
