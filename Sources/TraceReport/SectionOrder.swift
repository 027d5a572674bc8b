internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// The sections of a report with what stands beside their titles: which are about a finding, and which can be folded.
struct SectionOrder {
  private let file: IncidentFile
  private let request: ReportRequest
  /// Findings that are judged, in their order.
  private let findings: [Finding]
  /// What is known of how far the answer can be trusted.
  private let remarks: [Remark]
  /// Whether the whole capture was looked at, and nothing is unusual in it.
  private let isHealthy: Bool

  init(_ file: IncidentFile, _ request: ReportRequest) throws {
    (self.file, self.request) = (file, request)
    findings = try FindingSection.findings(file, request.filter).filter { $0.confidence != .none }
    remarks = try TrustSection.remarks(file, request.filter)
    isHealthy =
      request.explanation.map { told in
        told.mixed == nil && !told.guests.isEmpty && told.guests.allSatisfy(\.changed.isEmpty)
      } ?? false && findings.allSatisfy { $0.severity == .info }
  }

  /// All of the report.
  func blocks() throws -> [Block] {
    let first = try Report.first.flatMap { try section($0, isFolding: false) }
    let rest = try details().flatMap { try section($0, isFolding: true) }
    let appendix = try Report.appendix.flatMap { try section($0, isFolding: true) }
    return first + [.contents] + rest + appendix
  }

  /// The findings and where the time went, then what findings are about, then the others.
  private func details() -> [any ReportSection] {
    func place(_ section: any ReportSection) -> Int {
      let anchor = type(of: section).anchor
      if [FindingSection.anchor, IntervalSection.anchor, HopSection.anchor].contains(anchor) {
        return -1
      }
      return findings.firstIndex { $0.code.section == anchor && $0.severity > .info }
        ?? findings.count
    }
    return Report.details.enumerated().sorted {
      (place($0.element), $0.offset) < (place($1.element), $1.offset)
    }.map(\.element)
  }

  private func section(_ section: any ReportSection, isFolding: Bool) throws -> [Block] {
    var blocks = try section.blocks(file, request)
    guard case .heading(var heading)? = blocks.first else { return blocks }
    let anchor = type(of: section).anchor
    heading.anchor = anchor
    heading.state = state(of: anchor)
    heading.isFolded = isFolding && isQuiet(anchor)
    blocks[0] = .heading(heading)
    return blocks
  }

  private func concerning(_ anchor: Anchor) -> [Finding] {
    findings.filter { $0.code.section == anchor && $0.severity > .info }
  }

  /// What it says, in a few words: its findings, else what is known of it.
  private func state(of anchor: Anchor) -> String {
    if anchor == FindingSection.anchor { return counts() }
    let own = concerning(anchor)
    if !own.isEmpty {
      return own.map { "\($0.severity.rawValue) \($0.code.rawValue)" }.joined(separator: ", ")
    }
    let known = remarks.filter { $0.anchor == anchor }.map(\.text)
    if !known.isEmpty { return known.joined(separator: ", ") }
    return Self.judged.contains(anchor) ? "no finding" : ""
  }

  /// `1 critical, 2 warning`.
  private func counts() -> String {
    let parts = Finding.Severity.allCases.sorted(by: >).compactMap { severity -> String? in
      let count = findings.count { $0.severity == severity }
      return count > 0 ? "\(count) \(severity.rawValue)" : nil
    }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }

  /// Sections that rules are about.
  private static let judged: [Anchor] = [
    CPUSection.anchor, QueueSection.anchor, MemorySection.anchor, NetworkSection.anchor,
    MatchSection.anchor, ClockSection.anchor, StageSection.anchor, DataSection.anchor,
  ]
  /// Sections that show where time goes: of a healthy capture nobody needs them.
  private static let ofTime: [Anchor] = [
    TailSection.anchor, HeatSection.anchor, SlowestSection.anchor, CounterSection.anchor,
  ]

  private func isQuiet(_ anchor: Anchor) -> Bool {
    if Self.ofTime.contains(anchor) { return isHealthy }
    return Self.judged.contains(anchor) && concerning(anchor).isEmpty
      || [QEMUSection.anchor, IntervalSection.anchor, ConfigurationSection.anchor].contains(anchor)
  }
}
