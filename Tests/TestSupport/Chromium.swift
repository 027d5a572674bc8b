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

  /// What a browser makes of a page, once its scripts have run.
  public func dom(of page: String) throws -> String {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "page.html")
    try Data(page.utf8).write(to: file)
    let process = Process()
    process.executableURL = executable
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu",
      "--user-data-dir=\(folder.appending(path: "profile").path)", "--window-size=1400,2000",
      "--virtual-time-budget=3000", "--dump-dom", file.absoluteString,
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let dom = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return dom
  }

  /// What a browser says while it loads an address: messages of the console among its log.
  public func said(of address: String) throws -> String {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let log = folder.appending(path: "said.txt")
    try Data().write(to: log)
    let process = Process()
    process.executableURL = executable
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
      "--user-data-dir=\(folder.appending(path: "profile").path)", "--virtual-time-budget=2000",
      "--dump-dom", address,
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    process.waitUntilExit()
    return try String(contentsOf: log, encoding: .utf8)
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
