// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Foundation
import PackageDescription

// VSND_BACKENDS=auto builds the backends whose sound library pkg-config finds; a list such as alsa,jack
// builds these, or fails. null and file need no library.
let wanted = Context.environment["VSND_BACKENDS"] ?? "auto"

func hasLibrary(_ name: String) -> Bool {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [Context.environment["PKG_CONFIG"] ?? "pkg-config", "--exists", name]
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}

// Sanitizers leave symbols for the executable to supply, so plugins cannot insist on having them all.
let sanitizing = Context.environment["VSND_SANITIZE"] == "1"

// Fuzzers need their coverage counters in every target, and are built by themselves (scripts/fuzz).
let fuzzing = Context.environment["VSND_FUZZ"] == "1"

let common: [SwiftSetting] =
  (fuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []) + [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
// The way of a sample crosses targets; without cross-module optimisation each border costs a call.
let regular =
  common + [
    .strictMemorySafety(),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
  ]
// Without -no-static-stdlib, --static-swift-stdlib looks for an embedded library that there is not.
let embedded =
  common + [
    .strictMemorySafety(),
    .enableExperimentalFeature("Embedded"),
    .unsafeFlags(["-no-static-stdlib"]),
  ]

func linker(_ flags: [String]) -> [String] { flags.flatMap { ["-Xlinker", $0] } }
// The thread sanitizer's own list of exported symbols lacks some that Swift code in plugins calls.
let runtimeLink: [LinkerSetting] = [
  .unsafeFlags(["-use-ld=lld"] + linker(sanitizing ? ["--export-dynamic-symbol=__tsan_*"] : []))
]
// Debug builds run from the build folder with the toolchain's shared runtime; releases are static.
let executableLink: [LinkerSetting] =
  runtimeLink + [
    .unsafeFlags(["-no-toolchain-stdlib-rpath"] + linker(["--gc-sections"]), .when(configuration: .release))
  ]
// A plugin needs the C library and its sound library, nothing else: whatever is missing shows here.
let pluginLink: [LinkerSetting] = [
  .unsafeFlags(
    ["-use-ld=lld"]
      + linker(["--as-needed", "--gc-sections", "-z", "nodelete"])
      + linker(sanitizing ? [] : ["-z", "defs"])
      + linker(["--version-script=\(Context.packageDirectory)/Plugins/plugin.map"]))
]

var products: [Product] = [.executable(name: "vhost-device-sound", targets: ["vhost-device-sound"])]
var targets: [Target] = [
  .target(name: "PluginABI"),
  .target(name: "CPlatform", path: "Sources/Core/CPlatform"),
]

/// One layer of the core; its imports point down the list below only.
@MainActor func layer(_ name: String, on dependencies: [Target.Dependency]) {
  targets.append(
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: regular))
}
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
layer("Platform", on: ["CPlatform"])
layer("Virtqueue", on: ["Platform", "CPlatform"])
layer("VhostUser", on: ["Virtqueue", "Platform"])
layer("Sound", on: ["Virtqueue", "Platform", "PluginABI"])
layer("Backend", on: ["Sound", "Platform", "PluginABI", logging])
layer("Daemon", on: ["Backend", "Sound", "VhostUser", "Virtqueue", "Platform", logging])

targets += [
  .executableTarget(
    name: "vhost-device-sound",
    dependencies: [
      "Daemon", "Backend", "Sound", "Platform", logging,
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: regular, linkerSettings: executableLink),
  .systemLibrary(name: "CLibc", path: "Plugins/CLibc"),
  .target(
    name: "PluginKit", dependencies: ["PluginABI", "CLibc"], path: "Plugins/PluginKit",
    swiftSettings: embedded),
]

/// The sound library of a backend: its module, its name for pkg-config and its Debian package.
struct SoundLibrary {
  let module: String
  let pkgConfig: String
  let package: String
}

/// Adds the library libvsnd-backend-NAME.so, unless the sound library that it stands on is missing.
@MainActor func backend(
  _ name: String, _ module: String, path: String? = nil, on more: [Target.Dependency] = [],
  needs library: SoundLibrary? = nil
) {
  var more = more
  if let library {
    let listed = wanted.split(separator: ",").contains(Substring(name))
    guard wanted == "auto" ? hasLibrary(library.pkgConfig) : listed else { return }
    targets.append(
      .systemLibrary(
        name: library.module, path: "Plugins/\(library.module)", pkgConfig: library.pkgConfig,
        providers: [.apt([library.package])]))
    more.append(.target(name: library.module))
  }
  targets.append(
    .target(
      name: "\(module)Plugin", dependencies: ["PluginABI", "PluginKit", "CLibc"] + more,
      path: "Plugins/\(path ?? module)", swiftSettings: embedded, linkerSettings: pluginLink))
  products.append(.library(name: "vsnd-backend-\(name)", type: .dynamic, targets: ["\(module)Plugin"]))
}
backend("null", "Null")
backend("file", "File")
backend(
  "alsa", "ALSA", needs: SoundLibrary(module: "CALSA", pkgConfig: "alsa", package: "libasound2-dev"))
backend(
  "pipewire", "PipeWire",
  needs: SoundLibrary(module: "CPipeWire", pkgConfig: "libpipewire-0.3", package: "libpipewire-0.3-dev"))
backend(
  "pulse", "PulseAudio",
  needs: SoundLibrary(module: "CPulse", pkgConfig: "libpulse", package: "libpulse-dev"))
backend(
  "jack", "JACK",
  needs: SoundLibrary(module: "CJACK", pkgConfig: "jack", package: "libjack-jackd2-dev"))
// For tests, not installed. Two libraries, since a backend's threads are a fact about a whole library.
targets.append(
  .target(
    name: "FaultLogic", dependencies: ["PluginABI", "PluginKit", "CLibc"], path: "Plugins/Fault/Logic",
    swiftSettings: embedded))
backend("fault", "Fault", path: "Fault/Entry", on: ["FaultLogic"])
backend("fault-thread", "FaultThread", path: "Fault/ThreadEntry", on: ["FaultLogic"])

/// Adds the tests of one layer.
@MainActor func tests(_ name: String, of dependencies: [Target.Dependency]) {
  targets.append(
    .testTarget(
      name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)", swiftSettings: common,
      linkerSettings: runtimeLink))
}
targets.append(.target(name: "CTestSupport", path: "Tests/CTestSupport"))
targets.append(
  .target(
    name: "TestSupport",
    dependencies: [
      "Daemon", "Backend", "Sound", "VhostUser", "Virtqueue", "Platform", "CPlatform", "PluginABI", logging,
    ],
    path: "Tests/TestSupport", swiftSettings: common))
tests("Platform", of: ["Platform"])
tests("Virtqueue", of: ["Virtqueue", "Platform", "TestSupport"])
tests("VhostUser", of: ["VhostUser", "Virtqueue", "Platform", "CPlatform", "TestSupport"])
tests("Sound", of: ["Sound", "Virtqueue", "Platform", "PluginABI", "TestSupport", "CTestSupport"])
tests("Backend", of: ["Backend", "Sound", "Platform", "PluginABI", "TestSupport", logging])
tests(
  "Daemon",
  of: [
    "Daemon", "Backend", "Sound", "VhostUser", "Virtqueue", "Platform", "CPlatform", "TestSupport", logging,
  ])

tests("PluginKit", of: ["CLibc"])

// Runs the built program, so it links nothing of it.
tests("Command", of: [])
// Starts the servers of Tests/Servers.
targets.append(.target(name: "ServerSupport", path: "Tests/ServerSupport", swiftSettings: common))
// Loads the built backends, so it links none of them; `swift test` builds every product beforehand.
targets.append(
  .testTarget(
    name: "PluginTests", dependencies: ["PluginABI", "ServerSupport"], path: "Tests/Plugins",
    swiftSettings: common, linkerSettings: runtimeLink))

// The tests with a real guest run the programs of the build folder; the guest's own sources are not Swift.
targets.append(
  .testTarget(
    name: "EndToEndTests", dependencies: ["ServerSupport"], path: "Tests/EndToEnd", exclude: ["guest"],
    swiftSettings: common, linkerSettings: runtimeLink))

targets += [
  .target(name: "Floor", path: "Benchmarks/Floor"),
  .executableTarget(
    name: "bench-transfer",
    dependencies: ["Floor", "TestSupport", "Sound", "Virtqueue", "Platform", "PluginABI"],
    path: "Benchmarks/Transfer", swiftSettings: common, linkerSettings: executableLink),
]

// The daemon with a backend and its server, beside the least that a client in C does.
targets += [
  .executableTarget(
    name: "bench-backend", dependencies: ["TestSupport", "VhostUser", "Platform", "CPlatform"],
    path: "Benchmarks/Backend", swiftSettings: common, linkerSettings: executableLink),
  .executableTarget(name: "client-null", path: "Benchmarks/Clients/null"),
]
if targets.contains(where: { $0.name == "CPipeWire" }) {
  targets.append(
    .executableTarget(
      name: "client-pipewire", dependencies: ["CPipeWire"], path: "Benchmarks/Clients/pipewire",
      cSettings: [.headerSearchPath("../../../Plugins/CPipeWire")]))
}
if targets.contains(where: { $0.name == "CPulse" }) {
  targets.append(
    .executableTarget(name: "client-pulse", dependencies: ["CPulse"], path: "Benchmarks/Clients/pulse"))
}
if targets.contains(where: { $0.name == "CJACK" }) {
  targets.append(
    .executableTarget(name: "client-jack", dependencies: ["CJACK"], path: "Benchmarks/Clients/jack"))
}

// Feeds arbitrary bytes to one part, under libFuzzer.
if fuzzing {
  targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["TestSupport", "Sound"], path: "Tests/Fuzz",
      swiftSettings: common + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-use-ld=lld", "-sanitize=fuzzer,address"])]))
}

let package = Package(
  name: "vhost-device-sound", products: products,
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: targets, swiftLanguageModes: [.v6])
