internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// The verdicts: what the incident shows, how sure that is, and what to do.
struct FindingSection: ReportSection {
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let blocks = Self.blocks(of: try file.findings(guest: request.filter.guest))
    guard let selection = Self.selection(request.filter, try Report.timeline(file, request.filter))
    else { return blocks }
    return blocks.prefix(1)
      + [
        .paragraph(
          "Findings are about the whole capture, not only the selection (\(selection)). So are the "
            + "sections about CPUs, queues, memory, network, clocks and files.")
      ] + blocks.dropFirst()
  }

  /// What was selected besides a guest, whose findings are selected, too; nil: nothing.
  private static func selection(_ filter: IOFilter, _ timeline: Timeline?) -> String? {
    let span: String? =
      switch (filter.from, filter.to) {
      case (let from?, let to?): "\(timeline.text(from)) to \(timeline.text(to))"
      case (let from?, nil): "from \(timeline.text(from)) on"
      case (nil, let to?): "until \(timeline.text(to))"
      case (nil, nil): nil
      }
    let parts = [
      span, filter.device.map { "device \(Printable.text($0))" },
      filter.op.map { "operation \(Printable.text($0))" },
    ].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
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
