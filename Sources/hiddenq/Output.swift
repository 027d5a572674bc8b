internal import Foundation
internal import Glibc

/// Puts results where they were asked for.
enum Output {
  /// Says something to the person, not to what reads the results.
  static func toStandardError(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  /// Makes sure that all results left the program: on a full disk a report must not end early with status 0.
  static func finish() throws {
    guard fflush(nil) == 0 else {
      let reason = unsafe String(cString: strerror(errno))
      throw CommandFailure(message: "standard output: cannot be written (\(reason))")
    }
  }

  /// Writes a file as a whole; a failure leaves what was there.
  static func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw CommandFailure(message: "\(path): cannot be written")
    }
  }
}
