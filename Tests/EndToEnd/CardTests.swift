// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

extension EndToEnd {
  @Suite("The card that the guest sees")
  struct CardTests {
    @Test("is listed, with one device for playing and one for recording")
    func isListed() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let cards = try machine.guest.need("cat /proc/asound/cards")
        let devices = try machine.guest.need("aplay -l; arecord -l")

        #expect(cards.contains("virtio-snd"))
        #expect(devices.contains("List of PLAYBACK Hardware Devices"))
        #expect(devices.contains("List of CAPTURE Hardware Devices"))
        #expect(devices.split(separator: "\n").count { $0.hasPrefix("card 0:") } == 2)
      }
    }

    @Test("offers every format, rate and channel count of the stream", arguments: ["", "-C"])
    func offersEverything(direction: String) throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let parameters = try machine.guest.need("pcm parameters \(direction)").split(separator: "\n")

        let formats = parameters.first { $0.hasPrefix("formats=") }?.dropFirst(8).split(separator: " ") ?? []
        #expect(Set(formats.map(String.init)).isSuperset(of: Formats.all.map(\.name)))
        let rates = parameters.first { $0.hasPrefix("rates=") }?.dropFirst(6).split(separator: " ") ?? []
        #expect(Set(rates.map(String.init)).isSuperset(of: Rates.all.map(String.init)))
        #expect(parameters.contains("channels=1-8"))
      }
    }

    @Test("has a channel map for every channel count", arguments: ["", "-C"])
    func hasMaps(direction: String) throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        let parameters = try machine.guest.need("pcm parameters \(direction)").split(separator: "\n")

        let maps = parameters.filter { $0.hasPrefix("map=") }
        for channels in 1...8 {
          #expect(maps.contains { $0.hasPrefix("map=\(channels):") }, "no map of \(channels) channels")
        }
        #expect(maps.contains("map=2: FL FR"))
      }
    }

    @Test("has controls that amixer can read")
    func controlsAreReadable() throws {
      let machine = try Machine.of(.file)
      try machine.scenario {
        try machine.guest.need("amixer -c 0 contents")
      }
    }
  }
}
