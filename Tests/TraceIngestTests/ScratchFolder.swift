import Foundation

/// A folder for one test's files, removed with it.
final class ScratchFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "hiddenq-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file, in folders that its name names, and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let place = url.appending(path: name)
    if name.contains("/") {
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    try Data(bytes).write(to: place)
    return place.path
  }
}
