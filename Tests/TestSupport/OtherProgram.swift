public import Foundation

/// Programs other than hiddenq.
public enum OtherProgram {
  /// Lets signals through again before a program starts: the threads of tests block them, and perf waits for the end of
  /// its command by one.
  private static let unblocked =
    "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); os.execvp(sys.argv[1], sys.argv[1:])"

  /// Runs a program of the PATH to its end. The output is what it wrote to standard output and standard error.
  /// `withSignals`: it and what it starts get signals, which are blocked in tests.
  public static func run(
    _ program: String, _ arguments: [String], in folder: URL? = nil, withSignals: Bool = false
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      (withSignals ? ["python3", "-c", unblocked] : []) + [program] + arguments
    if let folder { process.currentDirectoryURL = folder }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }
}
