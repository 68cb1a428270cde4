// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import ArgumentParser
import Backend
import Daemon
import Logging
import Platform
import Sound

/// The command line, compatible with that of the vhost-device-sound of rust-vmm (VU-200…208).
struct Options: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vhost-device-sound",
    abstract: "Gives a virtual machine a sound card over vhost-user.",
    discussion: """
      One of --socket, --socket-fd or a socket of a service manager (LISTEN_FDS) is needed, and --backend.

      SPEC is output|input[,device=ID][,name=TEXT][,channels=N|MIN-MAX][,rates=HZ+HZ|all]
      [,formats=NAME+NAME|all][,nid=N]. Without --stream the card has one output and one input.

      Status: 0 success, 1 a failure, 2 a wrong command line.
      """,
    version: "vhost-device-sound \(Release.version)")

  @Option(
    name: [.customLong("socket"), .customLong("socket-path")],
    help: ArgumentHelp("Listen for the front-end here.", valueName: "path"))
  var socket: String?

  @Option(
    name: [.customLong("socket-fd"), .customLong("fd")],
    help: ArgumentHelp("Use this inherited socket, connected or listening.", valueName: "number"))
  var socketDescriptor: Int32?

  @Option(
    help: ArgumentHelp("Play and record through this backend; with a slash, a path.", valueName: "name"))
  var backend: String?

  @Option(
    name: .customLong("backend-dir"), parsing: .singleValue,
    help: ArgumentHelp("Look for backends here first; may be repeated.", valueName: "dir"))
  var backendDirectories: [String] = []

  @Option(
    name: .customLong("backend-option"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set an option of the backend; may be repeated.", valueName: "key=value"))
  var backendOptions: [String] = []

  @Option(
    name: .customLong("stream"), parsing: .singleValue,
    help: ArgumentHelp("Give the card this stream; may be repeated, up to 64 times.", valueName: "spec"))
  var streams: [String] = []

  @Flag(help: "List the backends that can be found, and why one does not load.")
  var listBackends = false

  @Option(help: ArgumentHelp("How --list-backends answers: text or json.", valueName: "format"))
  var format: ListFormat = .text

  @Option(help: ArgumentHelp("Print the facts about a backend, one a line.", valueName: "name"))
  var dumpBackend: String?

  @Option(help: ArgumentHelp("Explain the options of a backend.", valueName: "name"))
  var helpBackend: String?

  @Flag(help: "List the devices that --backend knows, for device= of a stream.")
  var listDevices = false

  @Flag(help: "Print what this program is as JSON, for management tools.")
  var printCapabilities = false

  @Option(help: ArgumentHelp("Log error, warning, info or debug lines.", valueName: "level"))
  var logLevel: LogLevel = .info

  enum ListFormat: String, ExpressibleByArgument { case text, json }
  enum LogLevel: String, ExpressibleByArgument { case error, warning, info, debug }
}
