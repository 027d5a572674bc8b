import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport

/// What the evidence of a finding returned is kept with it, and stands before the statement.
struct EvidenceRowTests {
  private static func incident() throws -> SmallIncident {
    let incident = try SmallIncident(of: [
      "guest/vmstat.txt": """
      procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
       r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
       1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0
       4  0      0 812300  10240 655360    0    0     0    40 1800 2500 40 20 20  0 20
       4  0      0 812300  10240 655360    0    0     0    40 1800 2500 30 20 10  0 40

      """
    ])
    try incident.correlate()
    return incident
  }

  @Test("the rows that are kept are those that the statement returns")
  func kept() throws {
    let incident = try Self.incident()
    let finding = try #require(
      try incident.file.findings().first { $0.code.rawValue == "STEAL_HIDDEN" })
    let returned = try #require(finding.returned)
    let rows = try incident.objects(try #require(finding.evidenceSQL))
    #expect(rows.count == 1 && returned.rows.count == 1)
    let row = try #require(rows.first)
    #expect(Set(returned.columns) == Set(row.keys))
    for (column, value) in zip(returned.columns, returned.rows[0]) {
      if let number = row[column] as? Double {
        #expect(value.flatMap(Double.init) == number, "\(column)")
      }
    }
    #expect(returned.rows[0].contains { $0.flatMap(Double.init) == 30 })
    let stored = try incident.objects(
      "SELECT name, value FROM finding_evidence JOIN finding USING (finding_id) "
        + "WHERE code = 'STEAL_HIDDEN' ORDER BY row, place")
    #expect(stored.map { $0["name"] as? String } == returned.columns)
  }

  @Test("the page shows the values before the statement, each with the unit of its name")
  func shown() throws {
    let incident = try Self.incident()
    let page = HTMLRenderer.render(try Report.document(incident.file, ReportRequest()))
    let finding = try #require(page.range(of: "STEAL_HIDDEN"))
    let rest = page[finding.upperBound...]
    let row = try #require(rest.range(of: "<p class=\"row\">"))
    let statement = try #require(rest.range(of: "<pre"))
    #expect(row.lowerBound < statement.lowerBound)
    #expect(rest[row.upperBound..<statement.lowerBound].contains(" %"))
  }
}
