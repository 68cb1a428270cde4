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
  private let feed: UnsafeMutablePointer<Feed>

  /// How long open() waits for ports: the daemon gives the guest half a second.
  private static let patience: UInt64 = 300_000_000

  private init(_ client: Client, _ params: Parameters, _ feed: consuming Feed) {
    self.client = client
    number = Int(params.stream)
    unsafe lane = client.lane(number)
    unsafe self.feed = .allocate(capacity: 1)
    unsafe self.feed.initialize(to: feed)
    super.init()
  }

  deinit {
    unsafe feed.deinitialize(count: 1)
    unsafe feed.deallocate()
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
    let stream = JACKStream(client, params, feed)
    let plan = LanePlan(params, prefix: PortNames.prefix(params))
    unsafe stream.lane.pointee.kind = kind
    unsafe stream.lane.pointee.feed = stream.feed
    unsafe stream.lane.pointee.burst = max(
      Int(params.periodFrames), Int(params.bufferFrames) - Int(params.periodFrames))
    client.want(plan, stream.number)
    let limit = monotonicNanoseconds() + patience
    while client.isExpected(stream.number), monotonicNanoseconds() < limit { usleep(1000) }
    if graph.isThere {
      stream.info.periodFrames = graph.period
      stream.info.delayFrames = unsafe Int64(stream.lane.pointee.latency.load(ordering: .relaxed))
    }
    client.announced(stream.number, period: graph.isThere ? graph.period : params.periodFrames)
    return stream
  }

  override func start() throws(BackendError) { unsafe lane.pointee.flow.open() }

  /// What was committed is in the ports of this cycle, and heard whatever comes after.
  override func stop(_ how: StopMode) { unsafe lane.pointee.flow.close() }

  override func close() {
    unsafe lane.pointee.feed = nil
    client.leave(number)
  }
}
