import Foundation
import TestSupport
import Testing

/// `bench/accuracy.py`: the fast part of what `make accuracy` runs whole.
struct AccuracyTests {
  @Test("short generated scenarios with a known truth are within their limits")
  func fast() throws {
    guard let shared = Repository.shared else { return }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", Repository.root.appending(path: "bench/accuracy.py").path, "--fast",
      "--only-blktrace", "--hiddenq", Program.executable.path,
      "--tracegen", shared.appending(path: "tracegen").path,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(output)")
    #expect(output.contains("\ntotal "))
  }
}
