// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CLibc
import PluginABI
import PluginKit
import Synchronization

/// One stream of the guest, on the lane of its number.
@safe
final class JACKStream: Stream {
  private let client: Client
  private let number: Int
  private let lane: UnsafeMutablePointer<Lane>
  /// One of both, from open() to close().
  private var feed: UnsafeMutablePointer<Feed>?
  private var spread: UnsafeMutablePointer<Spread>?
  private var thread: Thread?
  private let wake = eventfd(0, Int32(EFD_CLOEXEC))

  /// How long open() waits for ports: the daemon gives the guest half a second.
  private static let patience: UInt64 = 300_000_000

  private init(_ client: Client, _ params: Parameters) {
    self.client = client
    number = Int(params.stream)
    unsafe lane = client.lane(number)
    super.init()
  }

  deinit {
    if let feed = unsafe feed {
      unsafe feed.deinitialize(count: 1)
      unsafe feed.deallocate()
    }
    if let spread = unsafe spread {
      unsafe spread.deinitialize(count: 1)
      unsafe spread.deallocate()
    }
    _ = CLibc.close(wake)
  }

  /// Asks for ports; without a server they come with it, and until then the daemon keeps the guest's time.
  static func open(
    _ client: Client, _ params: Parameters, _ kind: SampleKind, _ feed: consuming Feed
  ) throws(BackendError) -> JACKStream {
    let graph = client.graph
    if graph.isThere, graph.rate != params.rate {
      throw BackendError(
        VSND_E_UNSUPPORTED, "the graph runs at \(graph.rate) Hz, and the stream is to have \(params.rate) Hz")
    }
    let stream = JACKStream(client, params)
    unsafe stream.lane.pointee.kind = kind
    client.want(LanePlan(params, prefix: PortNames.prefix(params)), stream.number)
    let limit = monotonicNanoseconds() + patience
    while client.isExpected(stream.number), monotonicNanoseconds() < limit { usleep(1000) }
    let cycle = graph.isThere ? graph.period : params.periodFrames
    if graph.isThere {
      stream.info.periodFrames = cycle
      stream.info.delayFrames = unsafe Int64(stream.lane.pointee.latency.load(ordering: .relaxed))
    }
    client.announced(stream.number, period: cycle)
    stream.attach(params, feed, cycle: Int(cycle))
    return stream
  }

  /// Gives the feed to the process callback, or to a thread that paces it where a cycle is too long for the guest.
  private func attach(_ params: Parameters, _ feed: consuming Feed, cycle: Int) {
    let period = Int(params.periodFrames)
    let burst = max(period, Int(params.bufferFrames) - period)
    unsafe lane.pointee.burst = burst
    if cycle > burst {
      let made = UnsafeMutablePointer<Spread>.allocate(capacity: 1)
      unsafe made.initialize(to: Spread(params, feed, lane, cycle: cycle, burst: burst))
      unsafe spread = made
    } else {
      let made = UnsafeMutablePointer<Feed>.allocate(capacity: 1)
      unsafe made.initialize(to: feed)
      unsafe self.feed = made
    }
    unsafe lane.pointee.feed = self.feed
    unsafe lane.pointee.spread = spread
  }

  override func start() throws(BackendError) {
    unsafe lane.pointee.flow.open()
    guard let spread = unsafe spread else { return }
    unsafe spread.pointee.isEnding.store(false, ordering: .releasing)
    thread = try unsafe Thread("vsnd-jack-pace", wake: wake, argument: spread) { spread in
      // SAFETY: stop() joins this thread, and close() comes after it.
      unsafe spread?.assumingMemoryBound(to: Spread.self).pointee.run()
      return nil
    }
  }

  /// What was committed is in the ports, or in the queue, and heard whatever comes after.
  override func stop(_ how: StopMode) {
    if let spread = unsafe spread { unsafe spread.pointee.isEnding.store(true, ordering: .releasing) }
    thread.take()?.join()
    if how == .drain { drain() }
    // In a pause the queue plays out: Linux pauses a stream that has ended too, and then drains it.
    if how == .hold, unsafe spread != nil, unsafe !lane.pointee.isCapture { return }
    unsafe lane.pointee.flow.close()
  }

  /// Waits until the graph has taken what is in the queue, which holds a few cycles.
  private func drain() {
    guard let spread = unsafe spread, unsafe !lane.pointee.isCapture else { return }
    let limit = monotonicNanoseconds() + Self.patience
    while unsafe spread.pointee.front(1).frames > 0, monotonicNanoseconds() < limit { usleep(1000) }
  }

  override func close() {
    unsafe lane.pointee.feed = nil
    unsafe lane.pointee.spread = nil
    client.leave(number)
  }
}
