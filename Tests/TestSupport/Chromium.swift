public import Foundation
import Testing

/// A browser without a window, where there is one.
public struct Chromium {
  /// The program.
  public let executable: URL

  /// The one of this machine; cancels the test where there is none, so that it is reported as skipped.
  public static func required() throws -> Chromium {
    let path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let path else { try Test.cancel("there is no chromium here") }
    return Chromium(executable: URL(filePath: path))
  }

  /// A page as a PNG of so many pixels.
  public func picture(of page: String, width: Int, height: Int) throws -> Data {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (file, picture) = (
      folder.appending(path: "page.html"), folder.appending(path: "page.png")
    )
    try Data(page.utf8).write(to: file)
    let process = Process()
    process.executableURL = executable
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
      "--user-data-dir=\(folder.appending(path: "profile").path)",
      "--window-size=\(width),\(height)", "--screenshot=\(picture.path)", file.absoluteString,
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return try Data(contentsOf: picture)
  }
}
