public import TraceModel
public import TraceStore

/// What a report is about.
public struct ReportRequest: Sendable {
  /// Which I/Os.
  public var filter = IOFilter()
  /// How many of the slowest to show.
  public var slowest = 10

  /// All I/Os, the ten slowest.
  public init() {}
}

/// A part of the report: reads the views, says what they mean.
protocol ReportSection: Sendable {
  /// Its blocks; none when there is nothing to say.
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block]
}

/// The report of an incident.
public enum Report {
  /// The sections, in order. A new one is a file in `Sections/` and its place here.
  static let sections: [any ReportSection] = [
    OverviewSection(), FindingSection(), HopSection(), HostSideSection(), TailSection(),
    HeatSection(), CPUSection(), CPUPictureSection(), SlowestSection(), QueueSection(),
    MemorySection(), NetworkSection(), CounterSection(), MatchSection(), ClockSection(),
    StageSection(),
    QEMUSection(), DataSection(),
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
    return Document(
      title: "hiddenq report: \(Printable.text(name))",
      blocks: try sections.flatMap { try $0.blocks(file, request) },
      origin: "Made by hiddenq \(Tool.version) from \(Printable.text(name)) (schema version "
        + "\(Schema.version)). Times are of the host's block trace unless another clock is named. The "
        + "same file gives the same report.")
  }
}
