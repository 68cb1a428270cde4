// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

@testable import Sound

@Suite("Stream specifications")
struct StreamSpecificationTests {
  @Test(
    "a text is read into what it says",
    arguments: [
      ("output", StreamSpecification(.output)),
      ("input,device=hw:1", StreamSpecification(.input, device: "hw:1")),
      ("output,name=Front Speakers=x", StreamSpecification(.output, name: "Front Speakers=x")),
      ("output,channels=2", StreamSpecification(.output, channels: 2...2)),
      ("output,channels=1-18", StreamSpecification(.output, channels: 1...18)),
      ("output,rates=48000+44100", StreamSpecification(.output, rates: 1 << 7 | 1 << 6)),
      ("output,rates=all", StreamSpecification(.output, rates: 0xFFFF)),
      ("output,formats=S16+S24_3+float", StreamSpecification(.output, formats: 1 << 5 | 1 << 11 | 1 << 19)),
      ("output,formats=all", StreamSpecification(.output, formats: 0x1FF_FFFE)),
      ("input,nid=31", StreamSpecification(.input, nid: 31)),
      (
        "input,device=mic,name=M,channels=1-2,rates=8000,formats=U8,nid=3",
        StreamSpecification(
          .input, device: "mic", name: "M", channels: 1...2, rates: 1 << 1, formats: 1 << 4, nid: 3)
      ),
    ])
  func reads(text: String, expected: StreamSpecification) throws {
    #expect(try StreamSpecification(parsing: text) == expected)
  }

  static let keys = "known are device, name, channels, rates, formats and nid"
  static let rates =
    "known are 5512+8000+11025+12000+16000+22050+24000+32000+44100+48000+64000+88200+96000+176400+192000+384000"

  @Test(
    "a text that is wrong is refused with the reason",
    arguments: [
      ("", "a stream begins with 'output' or 'input', not with ''"),
      ("speaker", "a stream begins with 'output' or 'input', not with 'speaker'"),
      ("output,", "'' is not KEY=VALUE; \(keys)"),
      ("output,loud", "'loud' is not KEY=VALUE; \(keys)"),
      ("output,volume=3", "unknown key 'volume'; \(keys)"),
      ("output,device=", "device= has no value"),
      ("output,nid=1,nid=2", "nid is given twice"),
      ("output,nid=32", "nid must be 0 to 31, not '32'"),
      ("output,nid=-1", "nid must be 0 to 31, not '-1'"),
      ("output,channels=0", "channels must be N or MIN-MAX within 1 to 18, not '0'"),
      ("output,channels=19", "channels must be N or MIN-MAX within 1 to 18, not '19'"),
      ("output,channels=3-2", "channels must be N or MIN-MAX within 1 to 18, not '3-2'"),
      ("output,channels=1-2-3", "channels must be N or MIN-MAX within 1 to 18, not '1-2-3'"),
      ("output,channels=-2", "channels must be N or MIN-MAX within 1 to 18, not '-2'"),
      ("output,rates=47999", "unknown rate '47999'; \(rates)"),
      ("output,rates=48000+", "unknown rate ''; \(rates)"),
    ])
  func refuses(text: String, reason: String) {
    let error = #expect(throws: SpecificationError.self) { _ = try StreamSpecification(parsing: text) }

    #expect(error?.description == reason)
  }

  @Test(
    "formats that do not exist or are never offered are refused (VS-065)", arguments: ["S17", "IMA_ADPCM"])
  func refusesFormat(name: String) {
    let error = #expect(throws: SpecificationError.self) {
      _ = try StreamSpecification(parsing: "output,formats=\(name)")
    }

    #expect(error?.description.hasPrefix("unknown format '\(name)'; known are MU_LAW+A_LAW+S8+") == true)
  }

  @Test("formats and rates have the numbers and sizes of the specification (VS-064, VS-066)")
  func numbers() {
    #expect(SampleFormat.allCases.count == 25)
    #expect(SampleFormat.s16.rawValue == 5)
    #expect(SampleFormat.s24in3.rawValue == 11)
    #expect(SampleFormat.s24in3.containerBytes == 3)
    #expect(SampleFormat.s24.rawValue == 15)
    #expect((SampleFormat.s24.validBits, SampleFormat.s24.containerBytes) == (24, 4))
    #expect(SampleFormat.float64.rawValue == 20)
    #expect(SampleFormat.float64.containerBytes == 8)
    #expect(SampleFormat.iec958Subframe.rawValue == 24)
    #expect(SampleFormat.allCases.allSatisfy { SampleFormat(name: $0.name) == $0 })
    #expect(SampleRate.allCases.count == 16)
    #expect(SampleRate(hertz: 48000)?.rawValue == 7)
    #expect(SampleRate(hertz: 12000)?.rawValue == 14)
    #expect(SampleRate(hertz: 24000)?.rawValue == 15)
    #expect(SampleRate(hertz: 384_000)?.rawValue == 13)
  }
}

@Suite("Offers of streams")
struct StreamOfferTests {
  let device = DeviceCapabilities(formats: 1 << 5 | 1 << 17, rates: 1 << 7 | 1 << 14, channels: 2...8)

  @Test("an offer is what is asked for and what the device can do")
  func intersects() throws {
    let asked = StreamSpecification(.input, device: "d", channels: 1...4, formats: 1 << 17 | 1 << 19, nid: 2)

    let offer = try StreamOffer(asked, index: 3, on: device)

    #expect(offer.direction == .input)
    #expect(offer.device == "d")
    #expect(offer.label == "input 3")
    #expect(offer.nid == 2)
    #expect(offer.channels == 2...4)
    #expect(offer.formats == 1 << 17)
    #expect(offer.rates == device.rates)
  }

  @Test(
    "an offer that would be empty is refused with what there is",
    arguments: [
      (StreamSpecification(.output, channels: 1...1), "it has 2-8 channels, 1 are asked for"),
      (
        StreamSpecification(.output, formats: 1 << 1),
        "it has none of the formats asked for, only S16+S32"
      ),
    ])
  func refusesEmpty(asked: StreamSpecification, reason: String) {
    let error = #expect(throws: SpecificationError.self) {
      _ = try StreamOffer(asked, index: 0, on: device)
    }

    #expect(error?.description == reason)
  }

  @Test("a stream with only rates that Linux does not know is refused (VS-066)")
  func refusesUnknownRates() {
    let asked = StreamSpecification(.output, rates: 1 << 14)

    #expect(throws: SpecificationError.self) { _ = try StreamOffer(asked, index: 0, on: device) }
  }
}
