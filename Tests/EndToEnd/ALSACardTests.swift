// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

extension EndToEnd {
  /// The alsa backend inside a guest, on the kernel's own cards: a loopback, where one side records what the
  /// other plays, and a dummy.
  ///
  /// `drive` calls it through its C interface, without a daemon.
  @Suite("ALSA: a card of the kernel", .serialized, .enabled(if: Place.lackingALSA == nil))
  struct ALSACardTests {
    /// A guest without a sound card of ours, but with those of the kernel.
    private func inGuest(_ body: (Guest) throws -> Void) throws {
      let folder = try Machine.makeFolder("card")
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let guest = try Guest(folder: folder, sounds: [])
      defer { guest.end() }
      let library = "libvsnd-backend-alsa.so"
      try FileManager.default.copyItem(
        atPath: Place.binaries + "/" + library, toPath: guest.share + "/" + library)
      try guest.need("modprobe snd_aloop && modprobe snd_dummy && cp /share/\(library) /tmp/alsa.so")
      try body(guest)
    }

    @Test(
      "what one side of a loopback plays the other records, bit for bit; a card that goes away comes back")
    func loopback() throws {
      try inGuest { guest in
        // S16, S24, S24_3, S32 and FLOAT, in the numbers of virtio.
        let all = try guest.need(
          "drive /tmp/alsa.so loop hw:Loopback,0 hw:Loopback,1 5,15,11,17,19 44100,48000,96000 1,2,8 4800",
          within: 100)
        let results = all.split(separator: "\n").filter { $0.hasPrefix("format=") }
        #expect(results.count == 45)
        #expect(results.filter { !$0.contains(" exact ") }.isEmpty, "\(all)")

        for mmap in ["on", "off"] {
          let one = try guest.need(
            "drive /tmp/alsa.so mmap=\(mmap) loop hw:Loopback,0 hw:Loopback,1 5,11 48000 2 4800")
          #expect(one.split(separator: "\n").filter { $0.contains(" exact ") }.count == 2, "\(one)")
        }

        // Mixing with nobody changes nothing. The configuration of dmix wants the group of those who may mix.
        let mixed = try guest.need(
          """
          mkdir -p /etc && echo audio:x:29: >/etc/group
          drive /tmp/alsa.so loop dmix:CARD=Loopback hw:Loopback,1 5,17 48000 2 9600
          """)
        #expect(mixed.split(separator: "\n").filter { $0.contains(" exact ") }.count == 2, "\(mixed)")

        let query = try guest.need("drive /tmp/alsa.so query hw:Dummy,0; drive /tmp/alsa.so list")
        // U8 and S16; 5.5 to 48 kHz and those between; as the module says of itself.
        #expect(query.contains("direction=0 formats=0x30 rates=0xc0ff channels=1-2 "))
        #expect(query.contains("direction=1 formats=0x30 rates=0xc0ff channels=1-2 "))
        #expect(query.contains("hw:CARD=Dummy,DEV=0: Dummy, Dummy PCM, Direct hardware device"))

        let lost = try guest.need(
          """
          drive /tmp/alsa.so lose hw:Loopback,0,0 >/tmp/lost 2>&1 &
          until grep -q playing /tmp/lost; do sleep 1; done
          drive /tmp/alsa.so query hw:Loopback,0,0
          echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind
          sleep 1
          echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind
          wait $!
          cat /tmp/lost
          """)
        // In use by the first: what nearly every card can do is offered, and the log has the reason.
        #expect(lost.contains("log 1 cannot open hw:Loopback,0,0 for playback: Device or resource busy"))
        #expect(lost.contains("direction=0 formats=0x20 rates=0xc0 channels=1-2 "))
        #expect(lost.contains("log 0 hw:Loopback,0,0 failed: No such device"))
        #expect(lost.contains("failure=-5 "))
        #expect(lost.contains("again=plays"))
      }
    }
  }
}

extension Place {
  /// What is missing for tests of the alsa backend; nil when they can run.
  static let lackingALSA: String? =
    lacking
    ?? (FileManager.default.fileExists(atPath: binaries + "/libvsnd-backend-alsa.so") || isCI
      ? nil : "there is no libvsnd-backend-alsa.so: install libasound2-dev and build again")
}
