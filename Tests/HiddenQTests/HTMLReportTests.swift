import Foundation
import TestSupport
import Testing

/// The page of a whole capture, which has every kind of section: how it lies on the page, and where its links lead.
@Suite struct WholePageTests {
  private let page = Self.page
  private static let page = Result {
    try AnalyzedPage(of: Repository.fixtures.appending(path: "kvm-cpu-neighbour"))
  }

  @Test("one file that loads nothing and runs nothing, and stays small; its structure is right")
  func inert() throws {
    try page.get().checkInert()
    try page.get().checkStructure()
    try page.get().checkLinks()
  }

  @Test("each column of time leads to the panel of its interval")
  func panels() throws { try page.get().checkPanels() }

  @Test(
    "no letters overlap and no mark lies outside, wide and narrow, where there is a browser",
    arguments: [1280, 400])
  func layout(_ width: Int) throws { try page.get().checkLayout(width: width) }

  @Test("under a policy that forbids styles nothing else is refused, where there is a browser")
  func policy() throws { try page.get().checkPolicy() }

  @Test("figures are the same without the style sheet, where there is a browser")
  func withoutStyles() throws { try page.get().checkWithoutStyles() }

  @Test("text, Markdown, page, JSON and views have the same numbers; parts add up to 100.0 %")
  func numbers() throws { try page.get().checkNumbers() }

  @Test("settings stand with the file and line that states them")
  func configuration() throws { try page.get().checkConfiguration() }
}

/// The report as people attach it, and as programs read it.
@Suite struct HTMLReportTests {
  private let page = Self.page
  private static let page = Result {
    try AnalyzedPage(of: Repository.fixtures.appending(path: "kvm-noisy-cpu"))
  }

  @Test("one file that loads nothing and runs nothing, and stays small")
  func inert() throws { try page.get().checkInert() }

  @Test("headings are in order, tables have captions and scopes, pictures have names")
  func structure() throws { try page.get().checkStructure() }

  @Test("the verdict comes first, and the text to copy is what the Markdown begins with")
  func verdictFirst() throws { try page.get().checkVerdictFirst() }

  @Test(
    "two runs give the same bytes in every format", arguments: ["html", "json", "markdown", "text"])
  func reproducible(_ format: String) throws { try page.get().checkReproducible(format) }

  @Test("a browser loads it without an error or a request, where there is a browser")
  func browser() throws { try page.get().checkBrowser() }

  @Test("every link leads somewhere, and every section is linked")
  func links() throws { try page.get().checkLinks() }

  @Test("figures are the same without the style sheet, where there is a browser")
  func withoutStyles() throws { try page.get().checkWithoutStyles() }

  @Test("JSON is what its schema says")
  func json() throws { try page.get().checkJSON() }

  @Test(
    "hostile names are harmless in every format", arguments: ["html", "markdown", "text", "json"])
  func hostile(_ format: String) throws {
    let folder = try Repository.temporaryFolder()
    let name = "g<script>alert('x')</script>\u{1B}[31m\u{202E}\"&"
    let incident = folder.appending(path: "i.db").path
    let guest = Repository.fixtures.appending(path: "kvm-noisy-cpu/guest-L2/blkparse.txt").path
    let host = Repository.fixtures.appending(path: "kvm-noisy-cpu/host-L1/blkparse.txt").path
    _ = try Program.run("ingest", incident, host, "--host", "h<b>\u{7}")
    _ = try Program.run("ingest", incident, guest, "--guest", name)
    let outcome = try Program.run("report", incident, "--format", format)
    #expect(outcome.status == 0)
    for scalar in outcome.output.unicodeScalars where scalar != "\n" {
      #expect(scalar.value >= 0x20 && scalar.value != 0x7F, "U+\(String(scalar.value, radix: 16))")
    }
    if format == "html" || format == "markdown" { #expect(!outcome.output.contains("<script>")) }
    if format != "json" { #expect(!outcome.output.contains("\u{202E}")) }
  }
}
