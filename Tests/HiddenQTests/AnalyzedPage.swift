import Foundation
import TestSupport
import Testing

/// What `analyze` makes of a capture: the page that people attach, and what programs read.
struct AnalyzedPage {
  private let folder: String
  private var incident: String { folder + "/incident.db" }

  init(of capture: URL) throws {
    folder = try Repository.temporaryFolder().path
    let outcome = try Program.run("analyze", capture.path, "-o", folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  private func page() throws -> String {
    try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
  }

  /// It loads nothing and runs nothing, and stays small.
  func checkInert() throws {
    let page = try page()
    #expect(
      page.contains(
        "content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:\""))
    for forbidden in [
      "<script", "<link", "<img", "<iframe", "http://", "https://", "@import", "url(",
    ] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    #expect(page.utf8.count < 500_000)
    #expect(page.matches(of: /<rect/).count < 3000)
  }

  /// Headings are in order, tables have captions and scopes, pictures have names.
  func checkStructure() throws {
    let page = try page()
    #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
    let levels = page.matches(of: /<h([1-6])>/).compactMap { Int($0.1) }
    #expect(levels.first == 1)
    #expect(levels.filter { $0 == 1 }.count == 1)
    for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
    #expect(page.matches(of: /<table>/).count == page.matches(of: /<caption>/).count)
    #expect(page.matches(of: /<th scope="col"/).count == page.matches(of: /<th\s/).count)
    let pictures = page.matches(of: /<svg [^>]*>/)
    #expect(pictures.count > 5)
    for picture in pictures {
      #expect(picture.0.contains("role=\"img\""))
      #expect(picture.0.contains("aria-label=\""))
    }
  }

  /// The verdict comes first, and the text to copy is what the Markdown begins with.
  func checkVerdictFirst() throws {
    let page = try page()
    let first = try #require(page.firstRange(of: "<h2>"))
    #expect(page[first.upperBound...].hasPrefix("What it shows"))
    let sections = page.split(separator: "<h2>")
    #expect(sections[1].contains("The same as Markdown") && !sections[0].contains("Markdown"))
    let copied = try Regex("<pre tabindex=\"0\">(# hiddenq report[^<]*)</pre>")
    let block = try #require(page.firstMatch(of: copied)?.output[1].substring)
    let outcome = try Program.run("report", incident, "--format", "markdown")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let markdown = outcome.output
    #expect(markdown.hasPrefix("# hiddenq report"))
    let plain = block.replacing("&#39;", with: "'").replacing("&quot;", with: "\"")
      .replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
    #expect(plain.split(separator: "\n").count <= 25)
    for line in plain.split(separator: "\n") where !line.hasPrefix("... (more") {
      #expect(markdown.contains(line), "\(line)")
    }
  }

  /// Two runs give the same bytes.
  func checkReproducible(_ format: String) throws {
    // A copy: `correlate` holds the file's lock, and other tests read the shared one meanwhile.
    let incident = try Repository.temporaryFolder().appending(path: "incident.db")
    try FileManager.default.copyItem(at: URL(filePath: self.incident), to: incident)
    let first = try Program.run("report", incident.path, "--format", format)
    #expect(first.status == 0, "\(first.errors)")
    let again = try Program.run("correlate", incident.path)
    #expect(again.status == 0, "\(again.errors)")
    let second = try Program.run("report", incident.path, "--format", format)
    #expect(second.status == 0, "\(second.errors)")
    #expect(!first.output.isEmpty)
    #expect(first.output == second.output)
  }

  /// A browser loads it without an error or a request, where there is a browser.
  func checkBrowser() throws {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let chromium else { try Test.cancel("there is no chromium here") }
    let process = Process()
    process.executableURL = URL(filePath: chromium)
    let profile = try Repository.temporaryFolder().path
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
      "--user-data-dir=\(profile)", "--virtual-time-budget=2000", "--dump-dom",
      "file://\(folder)/report.html",
    ]
    let output = Pipe()
    let errors = URL(filePath: profile).appending(path: "said.txt")
    try Data().write(to: errors)
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let page = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(page.contains("What it shows"))
    let said = try String(contentsOf: errors, encoding: .utf8)
    #expect(!said.contains("CONSOLE"), "\(said)")
  }

  /// JSON is what its schema says.
  func checkJSON() throws {
    let text = try Program.run("report", incident, "--format", "json").output
    let schema = try JSONSerialization.jsonObject(
      with: Data(contentsOf: Repository.root.appending(path: "schema/report.schema.json")))
    let document = try JSONSerialization.jsonObject(with: Data(text.utf8))
    #expect(JSONShape.faults(document, schema, at: "$") == [])
    // The check itself finds what is wrong.
    #expect(!JSONShape.faults(["tool": 1], schema, at: "$").isEmpty)
  }
}
