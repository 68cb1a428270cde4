// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Backend
package import Logging
package import Sound

/// What is ready before the first front-end may come: the backend, and what the card offers.
package struct PreparedBackend {
  package let instance: Instance
  /// One for each stream of the card, in the order of the command line.
  package let offers: [StreamOffer]

  /// Loads the backend, sets its options, lets it connect and asks it about each stream.
  ///
  /// All of it comes before the socket is there: who sees the socket can rely on the card.
  ///
  /// - Throws: StartupError; nothing is left behind but the library, which is never unloaded.
  package init(_ configuration: DaemonConfiguration, logger: Logger) throws(StartupError) {
    let plugin: Plugin
    do throws(LoadError) {
      plugin = try Plugin(named: configuration.backend, in: configuration.search, logger: logger)
    } catch {
      throw StartupError(error.description)
    }
    instance = try Self.makeInstance(of: plugin, configuration.options)
    do throws(StartupError) {
      offers = try Self.offers(for: configuration.streams, of: instance)
    } catch {
      instance.destroy()
      throw error
    }
  }

  /// Makes an instance that has its options and is connected.
  package static func makeInstance(of plugin: Plugin, _ options: [OptionSetting]) throws(StartupError)
    -> Instance
  {
    for option in options {
      do throws(OptionError) {
        try option.check(against: plugin.options, of: plugin.name)
      } catch {
        throw StartupError(error.description, isWrongUse: true)
      }
    }
    do throws(BackendError) {
      let instance = try Instance(of: plugin)
      do throws(BackendError) {
        for option in options { try instance.set(option) }
        try instance.prepare()
      } catch {
        instance.destroy()
        throw error
      }
      return instance
    } catch {
      throw StartupError("backend \(plugin.name) cannot start: \(error)")
    }
  }

  private static func offers(for asked: [StreamSpecification], of instance: Instance) throws(StartupError)
    -> [StreamOffer]
  {
    let usual = StreamSpecification.standard.filter { instance.plugin.has($0.direction) }
    let specifications = asked.isEmpty ? usual : asked
    guard !specifications.isEmpty else {
      throw StartupError("backend \(instance.plugin.name) neither plays nor records")
    }
    var offers: [StreamOffer] = []
    for (index, specification) in specifications.enumerated() {
      let what = "stream \(index) (\(specification.direction) on \(specification.device ?? "default"))"
      guard instance.plugin.has(specification.direction) else {
        throw StartupError("\(what): backend \(instance.plugin.name) has no such direction", isWrongUse: true)
      }
      do {
        let device = try instance.query(specification.direction, device: specification.device)
        offers.append(try StreamOffer(specification, index: index, on: device))
      } catch {
        throw StartupError("\(what): \(error)")
      }
    }
    return offers
  }
}

extension Plugin {
  fileprivate func has(_ direction: StreamDirection) -> Bool {
    capabilities.contains(direction == .output ? .playback : .capture)
  }
}
