// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

/// Decides who moves a running stream: its backend, or the daemon's clock while the host is away.
///
/// Pure: the time, in nanoseconds of CLOCK_MONOTONIC, and that of the last loan asked for come from outside.
struct HostWatch {
  enum Phase: Equatable {
    /// The backend moves the stream.
    case attached
    /// The backend has fallen silent; it gets the stream back as soon as it asks for a loan.
    case silent
    /// The device failed; there is nobody to give the stream back to until it is open again.
    case gone
  }

  /// What to do now.
  enum Step: Equatable {
    case nothing
    /// Give the feed to the clock.
    case takeOver
    /// Give the feed to the backend.
    case handBack
    /// Complete so many frames by the clock.
    case skip(UInt32)
  }

  /// The shape of the stream.
  struct Shape {
    var period: UInt32
    var buffer: UInt32
    var rate: UInt32
    /// Frames in a period of the device.
    var hostPeriod: UInt32
  }

  let shape: Shape
  /// Nanoseconds of silence after which the host counts as away.
  let limit: UInt64
  private(set) var phase = Phase.attached
  /// When the phase began.
  private(set) var since: UInt64
  private var seen: UInt64
  /// Until when the backend is known to have lived.
  private var lived: UInt64
  private var looked: UInt64
  private var grid: PeriodGrid

  /// - Parameter asked: as of look(at:asked:excused:).
  init(_ shape: Shape, at now: UInt64, asked: UInt64) {
    self.shape = shape
    limit = Self.limit(shape)
    since = now
    seen = asked
    lived = now
    looked = now
    grid = PeriodGrid(start: now, period: shape.period, rate: shape.rate, buffer: shape.buffer)
  }

  /// As long as Linux waits for a period, but no shorter than a period of the host and 40 ms.
  ///
  /// Linux fails a stream of which no period has completed for 100 ms, or for 1.1 buffers if that is longer
  /// (wait_for_avail in sound/core/pcm_lib.c). The last one may have done so a period before the last loan, and the
  /// clock needs a moment to take over.
  static func limit(_ shape: Shape) -> UInt64 {
    let rate = max(1, shape.rate)
    let patience = max(100_000_000, PeriodGrid.duration(of: UInt64(shape.buffer) * 11 / 10, at: rate))
    let spent = PeriodGrid.duration(of: UInt64(shape.period), at: rate) + 10_000_000
    let host = PeriodGrid.duration(of: UInt64(shape.hostPeriod), at: rate) + 40_000_000
    return max(patience - min(patience, spent), host)
  }

  /// When look(at:asked:excused:) wants to be called again.
  ///
  /// A backend that lives is looked at once in `limit`, and yet found silent as soon as it has been for so long.
  var nextLook: UInt64 {
    switch phase {
    case .attached: lived + limit
    case .silent: min(grid.next, looked + 20_000_000)
    case .gone: grid.next
    }
  }

  /// Until when a backend that asked for a loan at `asked` is not silent; nil when the clock moves the stream.
  func calm(asked: UInt64) -> UInt64? { phase == .attached ? max(lived, asked) + limit : nil }

  /// - Parameters:
  ///   - asked: when the backend last asked for a loan.
  ///   - excused: until when it waited to be called by the daemon: its silence was none.
  mutating func look(at now: UInt64, asked: UInt64, excused: UInt64 = 0) -> Step {
    looked = now
    let moved = asked != seen
    seen = asked
    switch phase {
    case .attached:
      lived = max(lived, asked, excused)
      guard now >= lived + limit else { return .nothing }
      enter(.silent, at: now)
      // The guest has waited long enough: the first period is due at once.
      grid = PeriodGrid(first: now, period: shape.period, rate: shape.rate, buffer: shape.buffer)
      return .takeOver
    case .silent where moved:
      enter(.attached, at: now)
      lived = now
      return .handBack
    case .silent, .gone:
      let due = grid.take(at: now)
      return due == 0 ? .nothing : .skip(due)
    }
  }

  /// The device failed: the clock goes on from here, or as it did already.
  mutating func fail(at now: UInt64) {
    if phase == .attached {
      grid = PeriodGrid(start: now, period: shape.period, rate: shape.rate, buffer: shape.buffer)
    }
    enter(.gone, at: now)
  }

  /// The device is open and started again; it gets the stream once it asks for a loan.
  mutating func reopen(at now: UInt64, asked: UInt64) {
    seen = asked
    enter(.silent, at: now)
  }

  private mutating func enter(_ phase: Phase, at now: UInt64) {
    self.phase = phase
    since = now
  }
}
