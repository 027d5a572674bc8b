internal import TraceModel
internal import TraceStore

/// The verdicts: what the incident shows, how sure that is, and what to do.
struct FindingSection: ReportSection {
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    Self.blocks(of: try file.findings(guest: request.filter.guest))
  }

  static func blocks(of findings: [Finding]) -> [Block] {
    let judged = findings.filter { $0.confidence != .none }
    let open = findings.filter { $0.confidence == .none }
    var blocks: [Block] = [.heading("What it shows")]
    blocks.append(
      judged.isEmpty
        ? .paragraph("No rule found anything to say about what was read.")
        : .facts(judged.map(fact)))
    if !open.isEmpty {
      blocks += [.heading("What could not be judged"), .facts(open.map(openFact))]
    }
    return blocks
  }

  private static func fact(_ finding: Finding) -> Fact {
    Fact(
      finding.severity.rawValue.uppercased(),
      "\(finding.code.rawValue)\(about(finding)): \(finding.sentence) Confidence "
        + "\(finding.confidence.rawValue): \(finding.because) Next: \(finding.nextStep)")
  }

  private static func openFact(_ finding: Finding) -> Fact {
    Fact(finding.code.rawValue, "\(finding.sentence) \(finding.nextStep)")
  }

  private static func about(_ finding: Finding) -> String {
    finding.guest.map { " (\(Printable.text($0)))" } ?? ""
  }
}
