// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Platform
import TestSupport
import Testing

@testable import Backend

@Suite("Loading backends")
struct PluginLoadingTests {
  /// Where SwiftPM puts tests and backends.
  static let products =
    Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundlePath
    ?? ProcessFacts.executable ?? ""
  let built = BackendSearch(options: [(products as NSString).deletingLastPathComponent])

  private func load(_ path: String, as check: PluginFileCheck = .current) throws -> Plugin {
    try Plugin(path: path, check: check, logger: RecordingLog().logger)
  }

  @Test("the null backend of the build is found, loaded and complete")
  func loadsNull() throws {
    let plugin = try Plugin(named: "null", in: built, logger: RecordingLog().logger)

    #expect(plugin.name == "null")
    #expect(plugin.path?.hasSuffix("/libvsnd-backend-null.so") == true)
  }

  @Test("a file that is no library is refused with the words of the linker")
  func notALibrary() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("libvsnd-backend-alsa.so", "not ELF")

    let error = #expect(throws: LoadError.self) { _ = try load(path) }

    #expect(error?.reason == .unloadable)
    #expect(
      error?.description
        == "cannot load backend alsa: \(path): file too short; reinstalling the package vsnd-backend-alsa "
        + "brings what it needs")
  }

  @Test("a library that is no backend is told apart from one for a later daemon")
  func libraryWithoutEntry() throws {
    let folder = try TemporaryFolder()
    let plain = try folder.compile("libvsnd-backend-plain.so", "int x;")
    let later = try folder.compile(
      "libvsnd-backend-later.so", "const void *vsnd_plugin_v2(void) { return 0; }")
    let empty = try folder.compile(
      "libvsnd-backend-empty.so", "const void *vsnd_plugin_v1(void) { return 0; }")

    let errors = try [plain, later, empty].map { path in
      try #require(#expect(throws: LoadError.self) { _ = try load(path) }).description
    }

    #expect(
      errors == [
        "\(plain): it has no vsnd_plugin_v1, so it is no backend",
        "\(later): it speaks version 2 of the plugin interface, this daemon speaks 1",
        "\(empty): it offers no table",
      ])
  }

  @Test("a backend that calls itself otherwise than its file is refused")
  func wrongName() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/libvsnd-backend-mine.so"
    try FileManager.default.copyItem(atPath: built.path(of: "null"), toPath: path)

    let error = #expect(throws: LoadError.self) { _ = try load(path) }

    #expect(error?.description == "\(path): it calls itself 'null', its file 'mine'")
  }

  @Test("a path must lead to a file called like a backend")
  func badFileName() {
    #expect(throws: LoadError(.notABackend, "/tmp/x.so is not called libvsnd-backend-NAME.so")) {
      _ = try load("/tmp/x.so")
    }
    #expect(throws: LoadError(.notFound, "there is no file /nowhere/libvsnd-backend-x.so")) {
      _ = try load("/nowhere/libvsnd-backend-x.so")
    }
  }

  @Test("a directory called like a backend is refused")
  func directory() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/libvsnd-backend-x.so"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)

    let error = #expect(throws: LoadError.self) { _ = try load(path) }

    #expect(error == LoadError(.refused, "\(path) is not a regular file"))
  }

  @Test("a file that others can change is warned about, and refused to root")
  func writableByOthers() throws {
    let file = FileFacts(isRegular: true, owner: 1000, mode: 0o775)
    let us = PluginFileCheck(user: 1000, programOwner: 0, isPrivileged: false)
    let root = PluginFileCheck(user: 0, programOwner: 1000, isPrivileged: true)

    let warning = try us.verdict(file, path: "x.so")
    let error = #expect(throws: LoadError.self) { _ = try root.verdict(file, path: "x.so") }

    #expect(warning == "x.so can be changed by other users; chmod go-w would cure that")
    #expect(
      error?.description
        == "x.so can be changed by other users; chmod go-w would cure that; not loaded with the rights of root"
    )
  }

  @Test("files of root, of us and of the program's owner are trusted, those of others are not")
  func owners() throws {
    let root = PluginFileCheck(user: 0, programOwner: 1000, isPrivileged: true)

    for owner: UInt32 in [0, 1000] {
      #expect(try root.verdict(FileFacts(isRegular: true, owner: owner, mode: 0o755), path: "x") == nil)
    }
    let error = #expect(throws: LoadError.self) {
      _ = try root.verdict(FileFacts(isRegular: true, owner: 1001, mode: 0o755), path: "x.so")
    }
    #expect(error?.description == "x.so belongs to user 1001; not loaded with the rights of root")
  }
}
