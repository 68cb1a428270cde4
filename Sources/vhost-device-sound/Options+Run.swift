// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Backend
import Daemon
import Glibc
import Logging
import Platform
import Sound

extension Options {
  private var search: BackendSearch { BackendSearch(options: backendDirectories) }

  private var logger: Logger {
    StandardErrorLog.logger(Logger.Level(rawValue: logLevel.rawValue) ?? .info)
  }

  /// Answers a question, or runs the daemon until it is told to end.
  func run() throws {
    if listBackends {
      let found = PluginReport.candidates(in: search, logger: logger)
      write(format == .json ? PluginReport.json(found) : PluginReport.list(found), to: STDOUT_FILENO)
    } else if let name = dumpBackend {
      let plugin = try Plugin(named: name, in: search, logger: logger)
      let instance = try? Instance(of: plugin)
      defer { instance?.destroy() }
      write(PluginReport.dump(plugin, families: instance?.families ?? []), to: STDOUT_FILENO)
    } else if let name = helpBackend {
      let plugin = try Plugin(named: name, in: search, logger: logger)
      write(PluginReport.help(plugin), to: STDOUT_FILENO)
    } else if listDevices {
      try writeDevices()
    } else {
      try DaemonProgram.run(try configuration(), logger: logger)
    }
  }

  private func writeDevices() throws {
    let plugin = try Plugin(named: try backendName(), in: search, logger: logger)
    let instance = try PreparedBackend.makeInstance(of: plugin, try settings())
    defer { instance.destroy() }
    guard instance.listsDevices else { throw StartupError("backend \(plugin.name) cannot list devices") }
    for direction in StreamDirection.allCases {
      do {
        write(PluginReport.list(try instance.devices(direction)), to: STDOUT_FILENO)
      } catch {
        throw StartupError("backend \(plugin.name) cannot list devices: \(error)")
      }
    }
  }

  /// The daemon that these options describe.
  func configuration() throws(StartupError) -> DaemonConfiguration {
    guard streams.count <= StreamSpecification.limit else {
      throw wrongUse("--stream is given \(streams.count) times, \(StreamSpecification.limit) are possible")
    }
    var specifications: [StreamSpecification] = []
    for text in streams {
      do throws(SpecificationError) {
        specifications.append(try StreamSpecification(parsing: text))
      } catch {
        throw wrongUse("--stream \(text): \(error)")
      }
    }
    return DaemonConfiguration(
      socket: try socketSource(), backend: try backendName(), search: search, options: try settings(),
      streams: specifications)
  }

  private func socketSource() throws(StartupError) -> SocketSource {
    switch (socket, socketDescriptor) {
    case (.some, .some): throw wrongUse("--socket and --socket-fd exclude each other")
    case (let path?, nil):
      guard !path.isEmpty else { throw wrongUse("--socket needs a path") }
      return .path(path)
    case (nil, let number?):
      guard number >= 0 else { throw wrongUse("--socket-fd needs a descriptor, not \(number)") }
      return .descriptor(number)
    case (nil, nil):
      guard ProcessFacts.environment("LISTEN_FDS") != nil else {
        throw wrongUse("one of --socket PATH and --socket-fd NUMBER is needed")
      }
      return .activation
    }
  }

  private func backendName() throws(StartupError) -> String {
    guard let backend, !backend.isEmpty else {
      throw wrongUse("--backend NAME is needed; --list-backends shows what there is")
    }
    return backend
  }

  private func settings() throws(StartupError) -> [OptionSetting] {
    var settings: [OptionSetting] = []
    for text in backendOptions {
      do throws(OptionError) {
        settings.append(try OptionSetting(parsing: text))
      } catch {
        throw wrongUse("--backend-option \(error)")
      }
    }
    return settings
  }

  private func wrongUse(_ text: String) -> StartupError { StartupError(text, isWrongUse: true) }
}
