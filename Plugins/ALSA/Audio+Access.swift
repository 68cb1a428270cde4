// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import CALSA
import CLibc
import PluginKit

/// The four kinds of access to a PCM.
extension Audio {
  /// Writes up to `frames` interleaved frames and returns how many the device took, or libasound's code.
  @_noAllocation @_noLocks @unsafe
  func put(_ data: UnsafeRawPointer, _ frames: Int) -> Int {
    if !shape.isMapped, !shape.isPlanar {
      return unsafe snd_pcm_writei(pcm, data, snd_pcm_uframes_t(frames))
    }
    if !shape.isMapped {
      let size = shape.frameBytes / shape.channels
      for channel in 0..<shape.channels {
        guard let plane = unsafe planes[channel] else { continue }
        unsafe copySamples(
          from: data + channel &* size, stride: shape.frameBytes, to: plane, stride: size, size, frames)
      }
      return unsafe snd_pcm_writen(pcm, planes, snd_pcm_uframes_t(frames))
    }
    var areas: UnsafePointer<snd_pcm_channel_area_t>?
    var offset: snd_pcm_uframes_t = 0
    var count = snd_pcm_uframes_t(frames)
    let code = unsafe snd_pcm_mmap_begin(pcm, &areas, &offset, &count)
    guard code >= 0, let areas = unsafe areas else { return Int(min(code, -EIO)) }
    guard count > 0 else { return -Int(EAGAIN) }
    let size = shape.frameBytes / shape.channels
    for channel in 0..<shape.channels {
      let area = unsafe Area(areas[channel], Int(offset))
      unsafe copySamples(
        from: data + channel &* size, stride: shape.frameBytes, to: area.base, stride: area.stride, size,
        Int(count))
    }
    return unsafe snd_pcm_mmap_commit(pcm, offset, count)
  }

  /// Reads up to `frames` frames, interleaved, and returns how many there were, or libasound's code.
  @_noAllocation @_noLocks @unsafe
  func take(_ data: UnsafeMutableRawPointer, _ frames: Int) -> Int {
    if !shape.isMapped, !shape.isPlanar {
      return unsafe snd_pcm_readi(pcm, data, snd_pcm_uframes_t(frames))
    }
    let size = shape.frameBytes / shape.channels
    if !shape.isMapped {
      let count = unsafe snd_pcm_readn(pcm, planes, snd_pcm_uframes_t(frames))
      guard count > 0 else { return count }
      for channel in 0..<shape.channels {
        guard let plane = unsafe planes[channel] else { continue }
        unsafe copySamples(
          from: plane, stride: size, to: data + channel &* size, stride: shape.frameBytes, size, count)
      }
      return count
    }
    var areas: UnsafePointer<snd_pcm_channel_area_t>?
    var offset: snd_pcm_uframes_t = 0
    var count = snd_pcm_uframes_t(frames)
    let code = unsafe snd_pcm_mmap_begin(pcm, &areas, &offset, &count)
    guard code >= 0, let areas = unsafe areas else { return Int(min(code, -EIO)) }
    guard count > 0 else { return -Int(EAGAIN) }
    for channel in 0..<shape.channels {
      let area = unsafe Area(areas[channel], Int(offset))
      unsafe copySamples(
        from: area.base, stride: area.stride, to: data + channel &* size, stride: shape.frameBytes, size,
        Int(count))
    }
    return unsafe snd_pcm_mmap_commit(pcm, offset, count)
  }

  /// The memory of a card where the next frames go or come from, if they lie there as the guest has them.
  ///
  /// Ends with snd_pcm_mmap_commit(). `frames` is how many there may be; nil: use put and take.
  @_noAllocation @_noLocks @unsafe
  func direct(_ frames: Int) -> (base: UnsafeMutableRawPointer, offset: snd_pcm_uframes_t, frames: Int)? {
    guard shape.isCard, shape.isMapped, !shape.isPlanar else { return nil }
    var areas: UnsafePointer<snd_pcm_channel_area_t>?
    var offset: snd_pcm_uframes_t = 0
    var count = snd_pcm_uframes_t(frames)
    guard unsafe snd_pcm_mmap_begin(pcm, &areas, &offset, &count) >= 0, count > 0,
      let areas = unsafe areas
    else { return nil }
    let area = unsafe Area(areas[0], Int(offset))
    guard area.stride == shape.frameBytes else { return nil }
    return unsafe (area.base, offset, Int(count))
  }
}

/// Where the samples of one channel are.
@safe
private struct Area {
  let base: UnsafeMutableRawPointer
  let stride: Int

  /// - Parameter offset: in frames.
  @_noAllocation @_noLocks @unsafe
  init(_ area: snd_pcm_channel_area_t, _ offset: Int) {
    stride = Int(unsafe area.step) / 8
    // SAFETY: libasound gives an address with each area of a mapped PCM.
    unsafe base = area.addr.unsafelyUnwrapped + Int(area.first) / 8 + offset &* stride
  }
}

/// Copies `count` samples of `size` bytes.
@_noAllocation @_noLocks @unsafe
private func copySamples(
  from source: UnsafeRawPointer, stride from: Int, to target: UnsafeMutableRawPointer, stride to: Int,
  _ size: Int, _ count: Int
) {
  for index in 0..<count {
    unsafe (target + index &* to).copyMemory(from: source + index &* from, byteCount: size)
  }
}
