import Foundation
import TestSupport
import Testing

/// Damaged captures: a small number here, `make mutate` for more.
struct MutationTests {
  @Test("whatever happens to a capture, the numbers add up and nothing crashes")
  func damagedCaptures() throws {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", Repository.root.appending(path: "Fuzz/mutate.py").path, "--hiddenq",
      Program.executable.path, "--small", "--tries", "24", "--seed", "1",
    ]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(said)")
    #expect(said.contains("24 captures damaged"), "\(said)")
  }
}
