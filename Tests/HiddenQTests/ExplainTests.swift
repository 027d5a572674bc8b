import Foundation
import TestSupport
import Testing

/// `hiddenq explain` as a user runs it, on the real capture of the repository.
struct ExplainTests {
  private static let incident = Result { () -> String in
    let folder = try Repository.temporaryFolder().path
    let outcome = try Program.run(
      "analyze", "kvm-noisy-cpu", "-o", folder, in: Repository.fixtures)
    #expect(outcome.status == 0)
    // What explain says stands before the report.
    let said = try Program.run("explain", folder + "/incident.db").output
    #expect(outcome.output.hasPrefix(said + "\nL2 and its host: no change found"))
    #expect(!outcome.output.contains("What happened"))
    return folder + "/incident.db"
  }

  @Test("what `explain --format json` prints is what schema/explanation.schema.json says")
  func shape() throws {
    let incident = try Self.incident.get()
    let outcome = try Program.run("explain", incident, "--format", "json")
    #expect(outcome.status == 0 && outcome.output.utf8.count <= 16_384)
    let schema = try JSONSerialization.jsonObject(
      with: Data(contentsOf: Repository.root.appending(path: "schema/explanation.schema.json")))
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    #expect(JSONShape.faults(document, schema, at: "$") == [])
    #expect(!JSONShape.faults(["version": 2], schema, at: "$").isEmpty)
  }

  @Test("a guest or disk that is not there is a mistake, and so is another operation")
  func mistakes() throws {
    let incident = try Self.incident.get()
    #expect(try Program.run("explain", incident, "--guest", "L2", "--device", "254,16").status == 0)
    for (words, says) in [
      (["--guest", "L9"], "has no such guest; its guests: L2"),
      (["--device", "1,1"], "has no such disk; disks of the guests: 254,16"),
      (["--op", "flush"], "--op"),
    ] {
      let outcome = try Program.run(["explain", incident] + words)
      #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.errors)")
    }
  }

  @Test("it fits a terminal")
  func width() throws {
    let outcome = try Program.run("explain", Self.incident.get(), "--op", "write")
    #expect(outcome.status == 0 && outcome.wideLines.isEmpty)
    #expect(outcome.output.split(separator: "\n").count <= 25)
  }

  @Test("a code in place of the incident prints the page of that finding")
  func page() throws {
    let folder = Repository.root.appending(path: "docs/findings")
    let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".md") && $0 != "README.md" }.map { String($0.dropLast(3)) }
    let codes = try Program.run("findings", "--rules").output
    for code in pages {
      let outcome = try Program.run("explain", code)
      #expect(outcome.status == 0 && outcome.wideLines.isEmpty)
      let text = try String(contentsOf: folder.appending(path: code + ".md"), encoding: .utf8)
      #expect(outcome.output == text)
      for part in [
        "# \(code)\n", "## What else it could be", "## What would refute it", "## What to do",
      ] {
        #expect(text.contains(part), "\(code): \(part)")
      }
    }
    // Every code that a rule may find has a page.
    for line in codes.split(separator: "\n") {
      guard let code = line.split(separator: " ").first.map(String.init),
        code.count > 4, code.allSatisfy({ $0.isUppercase || $0 == "_" })
      else { continue }
      #expect(pages.contains(code), "\(code)")
    }
    #expect(try Program.run("explain", "ring_saturated").output.hasPrefix("# RING_SATURATED\n"))
    let unknown = try Program.run("explain", "RING")
    #expect(unknown.status == 2)
    #expect(unknown.errors.contains("no finding has this code; codes: BACKPRESSURE_COLLAPSE, "))
  }
}
