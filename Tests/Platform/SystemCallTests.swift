// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

import Glibc
import Testing

@testable import Platform

@Suite("SystemCall")
struct SystemCallTests {
  @Test("an interrupted call is repeated, any other failure is thrown", arguments: [EBADF, EPIPE, EIO])
  func repeatsOnlyAfterEINTR(code: Int32) {
    var outcomes = [EINTR, EINTR, code]

    let failure = #expect(throws: SystemCallError.self) {
      try SystemCall.run("write") { () -> Int in
        errno = outcomes.removeFirst()
        return -1
      }
    }

    #expect(outcomes.isEmpty)
    #expect(failure == SystemCallError(call: "write", code: code))
  }

  @Test("a descriptor with nothing to give is no failure")
  func nothingThere() throws {
    let size = try SystemCall.attempt("read") { () -> Int in
      errno = EAGAIN
      return -1
    }

    #expect(size == nil)
  }

  @Test("a failure names the call and the cause")
  func describes() {
    #expect(SystemCallError(call: "bind", code: EACCES).description == "bind: Permission denied")
    #expect(SystemCallError(call: "bind", code: 12345).description == "bind: Unknown error 12345")
  }

  @Test("a wild pointer is a bug of ours and traps")
  func wildPointer() async {
    await #expect(processExitsWith: .failure) {
      try SystemCall.run("read") { () -> Int in
        errno = EFAULT
        return -1
      }
    }
  }
}
