// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import TestSupport
import Testing

@testable import Backend

@Suite("Finding backends")
struct BackendSearchTests {
  @Test("options come first, then the variable, the installed directory, that of the program")
  func order() {
    let search = BackendSearch(options: ["/a", "/b"], variable: "/c:/d:/a", executable: "/opt/bin/vsnd")

    #expect(search.directories == ["/a", "/b", "/c", "/d", "/usr/lib/vsnd", "/opt/bin"])
  }

  @Test("the first directory that has the backend wins, in a search and in the list")
  func firstWins() throws {
    let (one, two) = (try TemporaryFolder(), try TemporaryFolder())
    _ = try two.write("libvsnd-backend-x.so", "")
    _ = try two.write("libvsnd-backend-y.so", "")
    let first = try one.write("libvsnd-backend-y.so", "")
    _ = try one.write("libvsnd-backend-Y.so", "")
    _ = try one.write("libc.so", "")
    let search = BackendSearch(directories: [one.path, two.path])

    #expect(try search.path(of: "y") == first)
    #expect(search.candidates().map(\.name) == ["x", "y"])
    #expect(search.candidates().map(\.path) == ["\(two.path)/libvsnd-backend-x.so", first])
  }

  @Test(
    "a name that could leave the directory, or is none, is refused",
    arguments: ["", "Alsa", "7up", "a_b", "..", "-x"])
  func badNames(name: String) {
    let error = #expect(throws: LoadError.self) { _ = try BackendSearch(directories: []).path(of: name) }

    #expect(error?.description == "'\(name)' is not the name of a backend: small letters, digits and - only")
  }

  @Test(
    "a missing backend is answered with its package, a near miss, or where was looked",
    arguments: [
      ("alsa", "there is no backend 'alsa'; install the package vsnd-backend-alsa"),
      ("pulse", "there is no backend 'pulse'; install the package vsnd-backend-pulse"),
      ("asla", "there is no backend 'asla'; did you mean 'alsa'?"),
      ("oss", "there is no backend 'oss'; looked in /nowhere"),
    ])
  func missing(name: String, text: String) {
    let error = #expect(throws: LoadError.self) {
      _ = try BackendSearch(directories: ["/nowhere"]).path(of: name)
    }

    #expect(error == LoadError(.notFound, text))
  }
}
