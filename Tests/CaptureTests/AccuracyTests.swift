import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// `bench/accuracy.py` and `bench/causes.py`: the fast parts of what `make accuracy` and `make causes` run whole.
@Suite(.needsShared) struct AccuracyTests {
  @Test("short generated scenarios with a known truth are within their limits")
  func fast() throws {
    let (status, output) = try Self.script("accuracy.py", "--only-blktrace")
    #expect(status == 0, "\(output)")
    #expect(output.contains("\ntotal "))
  }

  @Test("in short generated scenarios the cause is named, and nothing else is blamed")
  func causes() throws {
    let (status, output) = try Self.script("causes.py")
    #expect(status == 0, "\(output)")
    #expect(output.contains(" right\n"))
  }

  private static func script(
    _ name: String, _ options: String...
  ) throws -> (status: Int32, output: String) {
    try OtherProgram.run(
      "python3",
      [
        Repository.root.appending(path: "bench/\(name)").path, "--fast", "--hiddenq",
        Program.executable.path, "--tracegen", Repository.shared("tracegen").path,
      ] + options)
  }
}
