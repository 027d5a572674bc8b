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
        ? .paragraph("No rule found anything to say about what was read.") : .findings(judged))
    if !open.isEmpty {
      blocks += [
        .heading("What could not be judged"),
        .facts(open.map { Fact($0.code.rawValue, "\($0.sentence) \($0.nextStep)") }),
      ]
    }
    return blocks
  }
}
