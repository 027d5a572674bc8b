internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// The verdicts: what the incident shows, how sure that is, and what to do.
struct FindingSection: ReportSection {
  static let anchor = Anchor("findings")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let timeline = try Report.timeline(file, request.filter)
    let blocks = Self.blocks(of: try Self.findings(file, request.filter))
    guard let selection = Self.selection(request.filter, timeline) else { return blocks }
    let others = "sections about CPUs, queues, memory, network, clocks and files"
    let isJudged = timeline?.window(from: request.filter.from, to: request.filter.to) != nil
    return blocks.prefix(1)
      + [
        .paragraph(
          isJudged
            ? "Findings are about the selected time (\(selection)), whatever the disk and the operation; the \(others) "
              + "are about the whole capture."
            : "Findings are about the whole capture, not only the selection (\(selection)). So are the \(others)."
        )
      ] + blocks.dropFirst()
  }

  /// Of the selected time, judged anew; else of the whole capture.
  static func findings(_ file: IncidentFile, _ filter: IOFilter) throws -> [Finding] {
    guard
      let window = try Report.timeline(file, filter)?.window(from: filter.from, to: filter.to)
    else { return try file.findings(guest: filter.guest) }
    return try Findings.find(in: file, window: window, guest: filter.guest)
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

  /// `From 8.365 s to 26.358 s; the guest's I/Os lost 31.2 s by it, all together.`; nil where nothing is known of that.
  static func time(of finding: Finding) -> String? {
    var parts: [String] = []
    if let from = finding.extent.from, let to = finding.extent.to {
      // Where no timeline is, a moment is a date.
      func moment(_ time: Int64) -> String {
        time < 100_000_000_000_000_000
          ? Quantity.seconds(time) : String(UTCText.full(time).dropLast(" UTC".count))
      }
      parts.append("from \(moment(from)) to \(moment(to))")
    }
    if let explains = finding.extent.explains {
      parts.append("the guest's I/Os lost \(Quantity.time(explains)) by it, all together")
    }
    guard let first = parts.first?.first else { return nil }
    return first.uppercased() + parts.joined(separator: "; ").dropFirst() + "."
  }

  static func blocks(of findings: [Finding]) -> [Block] {
    let judged = findings.filter { $0.confidence != .none }
    let open = findings.filter { $0.confidence == .none && $0.notJudgedReason == nil }
    let reasons = Dictionary(grouping: findings, by: \.notJudgedReason).compactMap { reason, own in
      reason.map { (reason: $0, codes: own.map(\.code.rawValue)) }
    }.sorted { ($1.codes.count, $0.reason) < ($0.codes.count, $1.reason) }
    var blocks: [Block] = [.heading("What it shows")]
    blocks.append(
      judged.isEmpty
        ? .paragraph("No findings.") : .findings(judged))
    if !open.isEmpty {
      blocks += [
        .heading("What could not be judged"),
        .facts(open.map { Fact($0.code.rawValue, "\($0.sentence) \($0.nextStep)") }),
      ]
    }
    blocks += reasons.map {
      .paragraph(
        "Not judged for a part of the capture: \($0.codes.joined(separator: ", ")) (\($0.reason)).")
    }
    return blocks
  }
}
