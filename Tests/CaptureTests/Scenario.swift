import Foundation
import TestSupport
import Testing

/// What tracegen writes: captures of a guest and its host, with their truth.
enum Scenario {
  /// Writes some seconds of a preset into a new folder.
  static func make(_ preset: String, seed: Int, seconds: Int, in folder: URL) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = try [
      "python3", Repository.shared("tracegen/tracegen.py").path, preset, folder.path,
      "--duration", "\(seconds)", "--seed", "\(seed)", "--no-verify",
    ]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
