internal import Foundation

/// Puts results where they were asked for.
enum Output {
  /// Says something to the person, not to what reads the results.
  static func toStandardError(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
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
