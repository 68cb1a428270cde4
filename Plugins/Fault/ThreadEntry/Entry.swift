// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import FaultLogic
public import PluginABI
import PluginKit

private let fault = faultPlugin("fault-thread", VSND_CAP_OWN_THREAD)

private nonisolated(unsafe) let table = unsafe fault.table { host, out, error in
  unsafe fault.create(host, out, error) { start in faultBackend(start, hasThread: true) }
}

@c @implementation
public func vsnd_plugin_v1() -> UnsafePointer<vsnd_plugin_t>? { unsafe table }
