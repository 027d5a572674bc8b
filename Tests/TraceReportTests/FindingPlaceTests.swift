import Testing
import TraceAnalysis
import TraceModel

@testable import TraceReport

struct FindingPlaceTests {
  @Test("whatever a rule finds, the report has a section that shows it")
  func sections() {
    let sections = Report.first + Report.details + Report.appendix
    let anchors = Set(sections.map { type(of: $0).anchor })
    for topic in Topic.allCases {
      #expect(anchors.contains(topic.section), "\(topic)")
    }
    for rule in Findings.rules {
      #expect(rule.code.section != nil, "\(rule.code.rawValue)")
    }
    #expect(Finding.Code("OF_NO_RULE").section == nil)
  }
}
