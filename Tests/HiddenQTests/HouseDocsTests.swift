import Foundation
import TestSupport
import Testing

/// What the pages for contributors name is there.
struct HouseDocsTests {
  private static let pages = ["docs/architecture.md", "docs/README.md", "CONTRIBUTING.md"]

  /// What stands in backticks outside of code blocks.
  private static func quoted(_ page: String) throws -> [String] {
    let text = try String(contentsOf: Repository.root.appending(path: page), encoding: .utf8)
    let prose = text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 0 }
    return prose.flatMap { part in
      part.element.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }
        .map(\.element)
    }
  }

  @Test("each path that a page for contributors names exists", arguments: pages)
  func paths(_ page: String) throws {
    let files = Repository.files(below: Repository.root.appending(path: "Sources"))
    var count = 0
    for name in try Self.quoted(page)
    where name.contains("/") && !name.hasPrefix("/") || name.hasSuffix(".md") {
      // `schema/views/NAME.sql` stands for all of them.
      guard !["NAME", "CODE", "*", " "].contains(where: name.contains) else { continue }
      let folder = name.hasSuffix("/") ? String(name.dropLast()) : name
      let beside = URL(filePath: page).deletingLastPathComponent().relativePath
      let isThere =
        ["", "Sources/", beside + "/"].contains {
          FileManager.default.fileExists(atPath: Repository.root.appending(path: $0 + folder).path)
        }
        || files.contains { $0.hasSuffix("/\(folder)") || $0.hasSuffix("/\(folder).swift") }
        || files.contains { $0.contains("/\(folder)/") }
      #expect(isThere, "\(page) names \(name)")
      count += 1
    }
    #expect(count > 5)
  }

  @Test("the tables of docs/speed.md are those that bench/speed.py makes of the results")
  func speed() throws {
    let (status, output) = try OtherProgram.run(
      "python3", [Repository.root.appending(path: "bench/speed.py").path, "--check"])
    #expect(status == 0, "run 'python3 bench/speed.py' \(output)")
    let page = try String(
      contentsOf: Repository.root.appending(path: "docs/speed.md"), encoding: .utf8)
    let tables = page.components(separatedBy: "\n\n").filter { $0.contains("|---") }
    #expect(tables.count > 5 && tables.allSatisfy { $0.hasPrefix("<!-- results: ") })
  }

  @Test("each type that a page for contributors names is declared", arguments: pages.dropLast(2))
  func types(_ page: String) throws {
    let texts = try Repository.files(below: Repository.root.appending(path: "Sources"))
      .filter { $0.hasSuffix(".swift") }
      .map { try String(contentsOfFile: $0, encoding: .utf8) }
    let source = texts.joined(separator: "\n")
    var count = 0
    for name in try Self.quoted(page)
    where name.wholeMatch(of: /[A-Z]+[a-z]+([A-Z][A-Za-z]*)+/) != nil && !name.hasSuffix("Tests") {
      let isThere = ["struct", "class", "enum", "protocol"].contains {
        source.contains("\($0) \(name)")
      }
      let isTarget = FileManager.default.fileExists(
        atPath: Repository.root.appending(path: "Sources/\(name)").path)
      #expect(isThere || isTarget, "\(page) names \(name)")
      count += 1
    }
    #expect(count > 20)
  }
}
