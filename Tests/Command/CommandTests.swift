// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import Testing

/// Runs the built program: what users and scripts see of it (VU-200…204).
@Suite("Command line")
struct CommandTests {
  @Test(
    "wrong use is answered with one line and status 2 (VU-200, VU-204)",
    arguments: [
      ("", "one of --socket PATH and --socket-fd NUMBER is needed"),
      ("--socket /x --fd 3 --backend null", "--socket and --socket-fd exclude each other"),
      ("--socket-path= --backend null", "Missing value for '--socket-path <path>'"),
      ("--fd -1 --backend null", "Missing value for '--fd <number>'"),
      ("--fd=-1 --backend null", "--socket-fd needs a descriptor, not -1"),
      ("--fd x --backend null", "The value 'x' is invalid for '--fd <number>'"),
      ("--socket /x", "--backend NAME is needed; --list-backends shows what there is"),
      ("--socket", "Missing value for '--socket <path>'"),
      ("--bakend null", "Unknown option '--bakend'. Did you mean '--backend'?"),
      ("--log-level loud", "The value 'loud' is invalid for '--log-level <level>'"),
      ("--list-backends extra", "Unexpected argument 'extra'"),
      (
        "--socket /x --backend null --stream speaker",
        "--stream speaker: a stream begins with 'output' or 'input', not with 'speaker'"
      ),
      ("--socket /x --backend null --backend-option x", "--backend-option 'x' is not KEY=VALUE"),
      ("--socket /x --backend null --backend-option a=b", "backend null has no option 'a'; it has none"),
    ])
  func wrongUse(arguments: String, message: String) throws {
    let result = try Command.run(arguments)

    #expect(result.status == 2)
    #expect(result.output.isEmpty)
    #expect(result.errors == "vhost-device-sound: \(message)\n")
  }

  @Test(
    "what fails outside the command line is answered with one line and status 1 (VU-204)",
    arguments: [
      ("--socket /x --backend jac", "there is no backend 'jac'; did you mean 'jack'?"),
      ("--socket /x --backend ./x.so", "there is no file ./x.so"),
      ("--help-backend nul", "there is no backend 'nul'; did you mean 'null'?"),
      (
        "--socket /x --backend null --stream output,device=mars",
        "stream 0 (output on mars): there is no device mars, only null"
      ),
    ])
  func failure(arguments: String, message: String) throws {
    let result = try Command.run(arguments, directory: "/")

    #expect(result.status == 1)
    #expect(result.errors == "vhost-device-sound: \(message)\n")
  }

  @Test(
    "capabilities are printed as JSON whatever else is given (VU-202)",
    arguments: [
      "--print-capabilities", "--print-capabilities --bogus --socket /x", "--fd x --print-capabilities",
    ])
  func printsCapabilities(arguments: String) throws {
    let result = try Command.run(arguments)

    let answer = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(result.status == 0)
    #expect(result.errors.isEmpty)
    #expect(answer?["type"] as? String == "sound")
    #expect(answer?["features"] is [Any])
  }

  @Test("help and version go to standard output with status 0")
  func help() throws {
    let help = try Command.run("--help")
    let version = try Command.run("--version")

    #expect(help.status == 0)
    #expect(help.errors.isEmpty)
    for option in [
      "--socket, --socket-path <path>", "--socket-fd, --fd <number>", "--backend <name>",
      "--backend-dir <dir>",
      "--backend-option <key=value>", "--stream <spec>", "--list-backends", "--dump-backend <name>",
      "--help-backend <name>", "--list-devices", "--print-capabilities", "--log-level <level>", "--version",
    ] {
      #expect(help.output.contains(option))
    }
    #expect(version.status == 0)
    #expect(version.output == "vhost-device-sound 0.1.0\n")
  }

  @Test("backends are listed with the reason why one does not load")
  func listsBackends() throws {
    let folder = NSTemporaryDirectory() + "vsnd-command-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let broken = folder + "/libvsnd-backend-acme.so"
    try "x".write(toFile: broken, atomically: false, encoding: .utf8)

    let text = try Command.run("--list-backends --backend-dir \(folder)")
    let json = try Command.run("--list-backends --format=json --backend-dir=\(folder)")

    let reason =
      "cannot load backend acme: \(broken): file too short; install what provides the missing part"
    #expect(text.status == 0)
    // Columns are as wide as the longest entry.
    let lines = text.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines.contains("acme - \(reason)"))
    #expect(lines.contains("null 0.1.0 no sound: playback is swallowed, capture is silence"))
    let list = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
    let acme = list?.first { $0["name"] as? String == "acme" }
    #expect(acme?["loadable"] as? Bool == false)
    #expect(acme?["error"] as? String == reason)
    #expect(list?.contains { $0["name"] as? String == "null" && $0["loadable"] as? Bool == true } == true)
  }

  @Test("the facts about a backend are key=value lines")
  func dumpsBackend() throws {
    let result = try Command.run("--dump-backend null")

    #expect(result.status == 0)
    #expect(
      result.output == """
        path=\(Command.folder)/libvsnd-backend-null.so
        name=null
        version=0.1.0
        license=Apache-2.0 OR BSD-3-Clause
        summary=no sound: playback is swallowed, capture is silence
        vendor=vhost-device-sound
        homepage=
        abi_major=1
        abi_minor=0
        plugin_size=80
        ops_size=96
        capabilities=playback,capture,nonblocking,multi,parallel
        extension=vsnd.devices/1

        """)
  }

  @Test("help about a backend and its devices are texts")
  func showsBackend() throws {
    #expect(
      try Command.run("--help-backend null").output
        == "null 0.1.0: no sound: playback is swallowed, capture is silence\n\nIt has no options.\n")
    #expect(
      try Command.run("--list-devices --backend null").output
        == "output  null  Nowhere (default)\ninput   null  Silence (default)\n")
  }
}

/// The built program.
enum Command {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  /// Where SwiftPM puts it, beside the tests.
  static let folder: String = {
    let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") }
    let program = bundle ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    return URL(fileURLWithPath: program).deletingLastPathComponent().resolvingSymlinksInPath().path
  }()

  static func run(_ arguments: String, directory: String = NSTemporaryDirectory()) throws -> Outcome {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: folder + "/vhost-device-sound")
    process.arguments = arguments.split(separator: " ").map(String.init)
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("LISTEN_") }
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complained = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Outcome(status: process.terminationStatus, output: said, errors: complained)
  }
}
