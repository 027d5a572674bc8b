internal import TraceAnalysis
public import TraceModel
public import TraceStore

/// What a report is about.
public struct ReportRequest: Sendable {
  /// Which I/Os.
  public var filter = IOFilter()
  /// How many of the slowest to show.
  public var slowest = 10
  /// What happened, which several sections need; nil of a part of the capture's time, as it is of the whole.
  var explanation: Explanation?
  /// The hops and tails of the filter's disks, which two sections show; of a part of the time it costs a pass over its I/Os.
  var statistics: [DiskStatistics] = []

  /// All I/Os, the ten slowest.
  public init() {}
}

/// A part of the report: reads the views, says what they mean.
protocol ReportSection: Sendable {
  /// Where links to it lead; its first heading gets it.
  static var anchor: Anchor { get }
  /// Its blocks; none when there is nothing to say.
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block]
}

/// The report of an incident.
public enum Report {
  /// What is seen first, in order. A new section is a file in `Sections/` and its place in one of these lists.
  static let first: [any ReportSection] = [
    OverviewSection(), AnswerSection(), TrustSection(), LayerSection(), ExcessSection(),
  ]
  /// The findings, and what they rest on: sections that a finding is about come first, in the order of the findings.
  static let details: [any ReportSection] = [
    FindingSection(), IntervalSection(), HopSection(), ApplicationSection(), HostSideSection(),
    TailSection(),
    HeatSection(), EsxSection(), CPUSection(),
    CPUPictureSection(), SlowestSection(), QueueSection(), MemorySection(), NetworkSection(),
    CounterSection(),
  ]
  /// Methods and files.
  static let appendix: [any ReportSection] = [
    ConfigurationSection(), MatchSection(), ClockSection(), StageSection(), QEMUSection(),
    DataSection(),
  ]

  /// A machine with its side, unless the name says it: `guest web1`, `host`.
  public static func name(_ machine: Machine) -> String {
    machine.name.hasPrefix(machine.layer.rawValue)
      ? machine.name : "\(machine.layer.rawValue) \(machine.name)"
  }

  /// What the moments of a selection are counted on; nil where its guests have clocks of their own.
  static func timeline(_ file: IncidentFile, _ filter: IOFilter) throws -> Timeline? {
    let timelines = try file.timelines(of: filter.guest)
    return timelines.count == 1 ? timelines.first : nil
  }

  /// Findings by themselves.
  public static func blocks(of findings: [Finding]) -> [Block] {
    FindingSection.blocks(of: findings)
  }

  /// The document for an incident file that has been correlated. The same file and request give the same
  /// document.
  public static func document(_ file: IncidentFile, _ request: ReportRequest) throws -> Document {
    let name = file.path.split(separator: "/").last.map(String.init) ?? file.path
    var request = request
    if request.filter.from == nil, request.filter.to == nil {
      request.explanation = try Explanation(file, request.filter.ofStory)
    }
    let title = try request.explanation.flatMap {
      StoryTitle(
        explanation: $0, names: try DeviceNames(file),
        hasHost: try file.sources().contains { $0.layer == .host && !$0.isRefused }
      ).text
    }
    request.statistics = try DiskStatistics.load(file, request.filter)
    return Document(
      title: title ?? "hiddenq report: \(Printable.text(name))",
      blocks: try SectionOrder(file, request).blocks(),
      origin: "Made by hiddenq \(Tool.version) from \(Printable.text(name)) (schema version "
        + "\(Schema.version)). Times are of the host's block trace unless another clock is named. The "
        + "same file gives the same report.")
  }
}

extension IOFilter {
  /// The same as far as an explanation knows it: it is of reads, of writes or of all.
  fileprivate var ofStory: IOFilter {
    var filter = self
    if let op, !["read", "write"].contains(op) { filter.op = nil }
    return filter
  }
}
