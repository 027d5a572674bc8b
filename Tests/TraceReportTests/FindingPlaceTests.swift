import Testing
import TraceAnalysis
import TraceModel

@testable import TraceReport

struct FindingPlaceTests {
  @Test("whatever a rule finds, the report has a section that shows it")
  func sections() {
    let sections = Report.first + Report.details + Report.appendix
    let anchors = Set(sections.map { type(of: $0).anchor })
    for rule in Findings.rules {
      let anchor = rule.code.section
      #expect(anchor.map(anchors.contains) == true, "\(rule.code.rawValue)")
    }
  }
}
