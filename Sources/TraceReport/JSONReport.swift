internal import TraceAnalysis
internal import TraceModel
public import TraceStore

/// The report for programs: numbers in ns, shares from 0 to 1, NULL where nothing was observed.
///
/// `schema/report.schema.json` describes it. The version grows when something is renamed or taken away.
public enum JSONReport {
  /// The version of the document's form.
  public static let version = 1

  /// Views that are given whole: they stay small whatever the trace.
  static let views = [
    "finding", "source", "problem", "clock", "wall_time", "stage", "thread_wait", "culprit",
    "numa_placement",
    "net_path",
  ]

  /// The document, with a newline at its end; the same file and request give the same bytes.
  public static func render(_ file: IncidentFile, _ request: ReportRequest) throws -> String {
    var members = [
      ("schema_version", "\(version)"), ("tool", string("hiddenq")),
      ("tool_version", string(Tool.version)), ("incident_schema_version", "\(Schema.version)"),
      ("selection", selection(request.filter)),
    ]
    let known = Set(Schema.views.map(\.name))
    for view in views where known.contains(view) {
      members.append((view, try rows(of: "SELECT * FROM \(view)", file)))
    }
    members.append(("selection_finding", try selectedFindings(file, request.filter)))
    members.append(("disks", try disks(file, request.filter)))
    members.append(("slowest", try slowest(file, request)))
    return "{\n" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }

  // MARK: - Parts

  private static func selection(_ filter: IOFilter) -> String {
    object([
      ("guest", filter.guest.map(string)), ("device", filter.device.map(string)),
      ("op", filter.op.map(string)), ("from_ns", filter.from.map { "\($0)" }),
      ("to_ns", filter.to.map { "\($0)" }),
    ])
  }

  /// What the rules find in the selected time; null where none is selected.
  private static func selectedFindings(_ file: IncidentFile, _ filter: IOFilter) throws -> String {
    guard filter.from != nil || filter.to != nil, try Report.timeline(file, filter) != nil else {
      return "null"
    }
    return list(
      try FindingSection.findings(file, filter).map { finding in
        object([
          ("code", string(finding.code.rawValue)), ("severity", string(finding.severity.rawValue)),
          ("guest", finding.guest.map(string)), ("sentence", string(finding.sentence)),
          ("confidence", string(finding.confidence.rawValue)),
          ("because", string(finding.because)),
          ("evidence_sql", finding.evidenceSQL.map(string)),
          ("next_step", string(finding.nextStep)),
          ("rank", finding.rank.map { "\($0)" }),
          ("from_ns", finding.extent.from.map { "\($0)" }),
          ("to_ns", finding.extent.to.map { "\($0)" }),
          ("explains_ns", finding.extent.explains.map { "\($0)" }),
          ("consequence_of", finding.consequenceOf.map { "\($0)" }),
        ])
      })
  }

  /// The guests' disks: where they lie, how much of them was joined, and their numbers.
  private static func disks(_ file: IncidentFile, _ filter: IOFilter) throws -> String {
    try list(
      DiskStatistics.load(file, filter).map { statistics in
        let disk = statistics.disk
        var own = filter
        own.guest = disk.guest
        own.device = disk.device
        return object([
          ("guest", string(disk.guest)), ("device", string(disk.device)),
          ("host", disk.host.map(string)), ("host_device", disk.hostDevice.map(string)),
          ("extents", "\(disk.extents)"), ("verdict", string(disk.verdict.name)),
          ("origin", disk.host == nil ? nil : string(disk.isGiven ? "given" : "inferred")),
          ("expected_accidental", disk.expectedAccidental.map(number)),
          (
            "grades",
            list(
              try file.grades(own).map { grade in
                object([
                  ("grade", string(grade.grade.name)),
                  ("reason", grade.reason.map { string($0.name) }),
                  ("flush", grade.isFlush ? "true" : "false"), ("ios", "\(grade.count)"),
                ])
              })
          ),
          ("operations", list(statistics.groups.map(operation))),
        ])
      })
  }

  private static func operation(_ group: DiskStatistics.Group) -> String {
    object([
      ("op", string(group.op)),
      (
        "hops",
        list(
          Hop.allCases.compactMap { hop in
            group.hops[hop].map { numbers in
              object([
                ("hop", string(hop.name)), ("count", "\(numbers.count)"),
                ("mean_ns", number(numbers.mean)), ("p50_ns", "\(numbers.p50)"),
                ("p90_ns", "\(numbers.p90)"), ("p99_ns", "\(numbers.p99)"),
                ("p999_ns", "\(numbers.p999)"), ("max_ns", "\(numbers.max)"),
                ("share_of_total", numbers.shareOfTotal.map(number)),
              ])
            }
          })
      ),
      (
        "tail",
        list(
          group.tail.map { part in
            object([
              ("percentile", number(part.percentile)), ("hop", string(part.hop.name)),
              ("mean_ns", number(part.mean)), ("share", number(part.share)),
              ("ios", "\(part.ios)"),
            ])
          })
      ),
      (
        "what_if",
        list(
          group.whatIf.map { row in
            object([
              ("hop", string(row.hop.name)), ("percentile", number(row.percentile)),
              ("now_ns", "\(row.now)"), ("without_ns", "\(row.without)"),
            ])
          })
      ),
    ])
  }

  private static func slowest(_ file: IncidentFile, _ request: ReportRequest) throws -> String {
    let ios = try file.ios(request.filter, slowest: request.slowest)
    let culprits = try IOCulprits.find(ios, in: file)
    return list(
      ios.map { io in
        object(
          [
            ("io_id", "\(io.id)"), ("guest", string(io.guest)), ("device", string(io.device)),
            ("op", string(io.operation.name)), ("sector", io.sector.map { "\($0)" }),
            ("sectors", "\(io.sectors)"), ("comm", string(io.comm)),
            ("at_ns", io.reference.map { "\($0)" }),
          ] + Hop.measured.map { hop in (hop.column, io.times[hop].nanoseconds.map { "\($0)" }) }
            + [
              ("clock_error_ns", io.clockError.map { "\($0)" }),
              ("match_grade", string(io.grade.name)),
              ("submit_culprits", parts(culprits[io.id]?.submit ?? [])),
              ("return_culprits", parts(culprits[io.id]?.back ?? [])),
            ])
      })
  }

  private static func parts(_ parts: [IOCulprits.Part]) -> String {
    list(
      parts.map {
        object([
          ("comm", string($0.name)), ("guest", $0.guest.map(string)), ("wait_ns", "\($0.wait)"),
        ])
      })
  }

  private static func rows(of sql: String, _ file: IncidentFile) throws -> String {
    var text = ""
    var writer = TabularWriter(.json) { text += $0 }
    try file.query(sql, isChecked: true, columns: { writer.begin($0) }, row: { writer.add($0) })
    writer.end()
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }

  // MARK: - JSON

  private static func object(_ members: [(String, String?)]) -> String {
    "{" + members.map { "\"\($0.0)\": \($0.1 ?? "null")" }.joined(separator: ", ") + "}"
  }

  private static func list(_ items: [String]) -> String {
    items.isEmpty ? "[]" : "[\n" + items.joined(separator: ",\n") + "\n]"
  }

  private static func string(_ text: String) -> String { JSONText.string(text) }

  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}
