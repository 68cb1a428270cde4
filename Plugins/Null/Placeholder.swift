// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

public import PluginABI

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { nil }
