import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// The page of a whole capture, with scheduler traces and counters.
@Suite(.needsShared) struct CapturePageTests {
  private static let page = Result {
    try AnalyzedPage(of: Repository.shared("traces/kvm-noisy-cpu"))
  }

  @Test("the page loads nothing, has its structure and says its verdict first; JSON has its schema")
  func page() throws {
    let page = try Self.page.get()
    try page.checkInert()
    try page.checkStructure()
    try page.checkVerdictFirst()
    try page.checkJSON()
  }

  @Test("a browser loads it without an error or a request, where there is a browser")
  func browser() throws { try Self.page.get().checkBrowser() }

  @Test(
    "two runs give the same bytes in every format", arguments: ["html", "json", "markdown", "text"])
  func reproducible(_ format: String) throws {
    try Self.page.get().checkReproducible(format)
  }
}
