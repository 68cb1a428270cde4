// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

package import Logging

/// What `--list-backends`, `--dump-backend` and `--help-backend` say.
package enum PluginReport {
  /// One backend that was found, and what came of loading it.
  package struct Candidate {
    package let name: String
    package let path: String
    package let result: Result<Plugin, LoadError>

    package init(name: String, path: String, result: Result<Plugin, LoadError>) {
      self.name = name
      self.path = path
      self.result = result
    }
  }

  /// Loads every backend that can be found: one that is there may still not work.
  package static func candidates(in search: BackendSearch, logger: Logger) -> [Candidate] {
    search.candidates().map { name, path in
      let result = Result { () throws(LoadError) in try Plugin(path: path, logger: logger) }
      return Candidate(name: name, path: path, result: result)
    }
  }

  /// A line for each: name, version, summary, or why it cannot be loaded.
  package static func list(_ candidates: [Candidate]) -> String {
    let rows = candidates.map { candidate in
      switch candidate.result {
      case .success(let plugin): (candidate.name, plugin.version, plugin.summary)
      case .failure(let error): (candidate.name, "-", error.description)
      }
    }
    let names = rows.map(\.0.count).max() ?? 0
    let versions = rows.map(\.1.count).max() ?? 0
    return rows.map { "\(padded($0.0, names))  \(padded($0.1, versions))  \($0.2)\n" }.joined()
  }

  /// The same as a JSON array of objects with `name`, `path`, `loadable`, and `version` and `summary` or
  /// `error`.
  package static func json(_ candidates: [Candidate]) -> String {
    let objects = candidates.map { candidate in
      var fields = [("name", quoted(candidate.name)), ("path", quoted(candidate.path))]
      switch candidate.result {
      case .success(let plugin):
        fields += [("loadable", "true"), ("version", quoted(plugin.version))]
        fields.append(("summary", quoted(plugin.summary)))
      case .failure(let error):
        fields += [("loadable", "false"), ("error", quoted(error.description))]
      }
      return "  {" + fields.map { "\(quoted($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
    }
    return objects.isEmpty ? "[]\n" : "[\n\(objects.joined(separator: ",\n"))\n]\n"
  }

  static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// `text` as a JSON string.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
