import Foundation

/// The real traces and samples that lie beside the project; not part of it.
enum SharedFiles {
  /// The folder, or nil, said once per test, where it is not there.
  static func folder(_ path: String) -> URL? {
    let root = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appending(path: "../shared/\(path)").standardized
    guard FileManager.default.fileExists(atPath: folder.path) else {
      print("not checked against real files: ../shared/\(path) is missing")
      return nil
    }
    return folder
  }

  /// Paths of all files below a folder, sorted.
  static func files(below folder: URL) -> [String] {
    let all = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []
    return all.map { folder.appending(path: $0).path }.filter { path in
      (try? URL(filePath: path).resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) ?? false
    }.sorted()
  }
}

/// A folder for one test's files, removed with it.
final class ScratchFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "hiddenq-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let place = url.appending(path: name)
    try Data(bytes).write(to: place)
    return place.path
  }
}
