public import Foundation
public import Testing

/// Places in the checkout, and beside it.
public enum Repository {
  /// The root of the package.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The fixtures.
  public static let fixtures = root.appending(path: "Fixtures")

  /// The folder of captures and samples beside the checkout; nil where there is none. A test that reads it
  /// is in `CaptureTests` and has the trait ``Testing/Trait/needsShared``, so that it is reported as skipped, not as
  /// passed.
  public static let shared: URL? = {
    let folder = root.deletingLastPathComponent().appending(path: "shared")
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }()

  /// A folder in ``shared``. Throws where there is none, which a test with `needsShared` never meets.
  public static func shared(_ path: String) throws -> URL {
    try #require(shared, "there is no ../shared beside the checkout").appending(path: path)
  }

  /// All files below a folder, as sorted paths.
  public static func files(below folder: URL) -> [String] {
    let all = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []
    return all.map { folder.appending(path: $0).path }.filter { path in
      (try? URL(filePath: path).resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) ?? false
    }.sorted()
  }

  /// Whether expected files are to be written instead of compared: `RECORD=1 swift test`.
  public static let isRecording = ProcessInfo.processInfo.environment["RECORD"] == "1"

  /// The folders in a folder, by name.
  public static func folders(in folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map { folder.appending(path: $0) }.filter {
      $0.hasDirectoryPath || isFolder($0)
    }
  }

  private static func isFolder(_ url: URL) -> Bool {
    (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
  }

  /// A new empty folder that goes away with the test's process.
  public static func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "hiddenq-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// A temporary folder with these files, by their paths in it.
  public static func folder(of files: [String: String]) throws -> URL {
    let folder = try temporaryFolder()
    for (path, text) in files {
      let file = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return folder
  }

  /// Compares text with a recorded file, or records it. Returns nil when they are equal, else what differs.
  public static func difference(_ actual: String, from recorded: URL) throws -> String? {
    if isRecording {
      try actual.write(to: recorded, atomically: true, encoding: .utf8)
      return "recorded \(recorded.lastPathComponent); run again without RECORD"
    }
    let expected = (try? String(contentsOf: recorded, encoding: .utf8)) ?? ""
    guard actual != expected else { return nil }
    let (a, b) = (actual.split(separator: "\n"), expected.split(separator: "\n"))
    for index in 0..<max(a.count, b.count) {
      let (is_, should) = (
        index < a.count ? a[index] : "(end)", index < b.count ? b[index] : "(end)"
      )
      if is_ != should {
        return "\(recorded.path):\(index + 1): expected '\(should)', got '\(is_)'"
      }
    }
    return "differs in blank lines from \(recorded.path)"
  }
}

extension Trait where Self == ConditionTrait {
  /// The test reads captures, samples or scripts beside the checkout (../shared) and is skipped without them.
  public static var needsShared: Self {
    .enabled(if: Repository.shared != nil, "needs ../shared beside the checkout")
  }
}
