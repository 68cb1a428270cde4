// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Testing

@testable import Backend

@Suite("Options of backends")
struct OptionTests {
  static let options = [
    PluginOption(key: "play", kind: .path), PluginOption(key: "loop", kind: .bool),
    PluginOption(key: "periods", kind: .uint), PluginOption(key: "after", kind: .duration),
    PluginOption(key: "clock", kind: .choice, choices: ["realtime", "free"]),
    PluginOption(key: "title", kind: .string),
  ]

  @Test(
    "a value of the right type is accepted",
    arguments: [
      "play=/tmp/x=y", "loop=true", "loop=false", "periods=0", "periods=4294967295", "after=250us",
      "after=20ms", "after=2s", "clock=free", "title=",
    ])
  func accepts(text: String) throws {
    try OptionSetting(parsing: text).check(against: Self.options, of: "file")
  }

  @Test(
    "a value of the wrong type is refused with what it should be",
    arguments: [
      ("play=", "play of backend file must be a path, not ''"),
      ("loop=yes", "loop of backend file must be true or false, not 'yes'"),
      ("periods=-1", "periods of backend file must be a whole number, not '-1'"),
      ("periods=+1", "periods of backend file must be a whole number, not '+1'"),
      ("periods=4294967296", "periods of backend file must be a whole number, not '4294967296'"),
      ("after=20", "after of backend file must be a time such as 250us, 20ms or 2s, not '20'"),
      ("after=ms", "after of backend file must be a time such as 250us, 20ms or 2s, not 'ms'"),
      ("clock=fast", "clock of backend file must be one of realtime, free, not 'fast'"),
      ("paly=x", "backend file has no option 'paly'; did you mean 'play'?"),
      ("volume=1", "backend file has no option 'volume'; it has after, clock, loop, periods, play, title"),
      ("play", "'play' is not KEY=VALUE"),
      ("=x", "'=x' is not KEY=VALUE"),
    ])
  func refuses(text: String, message: String) {
    let error = #expect(throws: OptionError.self) {
      try OptionSetting(parsing: text).check(against: Self.options, of: "file")
    }

    #expect(error?.description == message)
  }

  @Test(
    "the distance of two words counts letters put in, taken out, replaced and swapped",
    arguments: [
      ("", "abc", 3), ("alsa", "alsa", 0), ("aslsa", "alsa", 1), ("asla", "alsa", 1), ("abc", "cba", 2),
    ])
  func distance(a: String, b: String, expected: Int) { #expect(editDistance(a, b) == expected) }
}
