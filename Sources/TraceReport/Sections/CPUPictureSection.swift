internal import TraceModel
internal import TraceStore

/// The waits for a CPU as pictures: who was on the CPU meanwhile, and steal second by second. In words and
/// numbers they are in the section before.
struct CPUPictureSection: ReportSection {
  static let anchor = Anchor("cpu")

  /// Bars and lines that are drawn at most.
  private static let mostBars = 12
  private static let mostGuests = 4
  private static let mostSeconds = 150

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    try Self.waits(file, request.filter) + Self.steal(file, request.filter)
  }

  private static func waits(_ file: IncidentFile, _ filter: IOFilter) throws -> [Block] {
    let rows = try file.rows(
      """
      SELECT victim_guest AS guest, victim_comm AS comm, victim_tid AS tid, class,
        sum(wait_ns) AS wait_ns
      FROM culprit WHERE victim_guest IS NOT NULL GROUP BY 1, 2, 3, 4
      """
    ).filter { filter.guest == nil || $0.text("guest") == filter.guest }
    var waits: [String: [CulpritClass: Int64]] = [:]
    for row in rows {
      guard let guest = row.text("guest"), let comm = row.text("comm"),
        let tid = row.integer("tid"),
        let kind = row.text("class").flatMap(CulpritClass.init(name:)),
        let wait = row.integer("wait_ns")
      else { continue }
      waits[Printable.text("\(guest) \(comm) \(tid)"), default: [:]][kind, default: 0] += wait
    }
    func whole(_ name: String) -> Int64 { (waits[name] ?? [:]).values.reduce(0, +) }
    let names = waits.keys.sorted { (whole($1), $0) < (whole($0), $1) }.prefix(mostBars)
    guard let first = names.first, whole(first) > 0 else { return [] }
    let kinds = CulpritClass.allCases
    func part(_ name: String, _ kind: CulpritClass) -> Int64 { waits[name]?[kind] ?? 0 }
    let bars = names.map { name in
      StackedBars.Bar(
        label: name.count > 18 ? "..." + name.suffix(15) : name,
        parts: kinds.filter { part(name, $0) > 0 }.map { kind in
          StackedBars.Part(
            mark: .culprit(kind), value: Double(part(name, kind)),
            note: "\(name) waited \(Quantity.seconds(part(name, kind))) for: \(kind.name)")
        }, total: Quantity.seconds(whole(name)))
    }
    return [
      .figure(
        Figure(
          title: "Who was on the CPU while a guest's thread waited for it",
          reading: "Each bar is all the waiting of one thread; its parts are what ran on that CPU "
            + "meanwhile: a program of the host, another guest, a thread of the same guest (sibling), the "
            + "kernel, or nobody.",
          drawing: .bars(StackedBars(bars: bars)),
          numbers: Table(
            caption: "Waits by class of culprit, in s",
            columns: [.text("thread")] + kinds.map { .number($0.name) } + [.number("all")],
            rows: names.map { name in
              [name] + kinds.map { Quantity.decimal(Double(part(name, $0)) / 1e9, digits: 3) }
                + [Quantity.decimal(Double(whole(name)) / 1e9, digits: 3)]
            }), isInText: false))
    ]
  }

  private static func steal(_ file: IncidentFile, _ filter: IOFilter) throws -> [Block] {
    let seconds = try file.stealSeconds(guest: filter.guest)
    let zero = try Report.timeline(file, filter)?.wall?.utc(0)
    var guests: [String] = []
    for second in seconds where !guests.contains(second.guest) { guests.append(second.guest) }
    return guests.prefix(mostGuests).compactMap { guest in
      let all = seconds.filter { $0.guest == guest }
      // A long trace is shown in its evenly spaced seconds.
      let step = all.count / mostSeconds + 1
      let own = all.enumerated().filter { $0.offset % step == 0 }.map(\.element)
      guard own.contains(where: { $0.measured != nil || $0.reported != nil }) else { return nil }
      func line(_ name: String, _ mark: Mark, _ value: (StealPoint) -> Double?) -> LineChart.Line {
        LineChart.Line(
          name: name, mark: mark, points: own.map { (Double($0.at) / 1e9, value($0)) })
      }
      let name = Printable.text(guest)
      // What the guest reports is of the time that it counted itself: of another whole, which has no place on one axis.
      let isMeasured = own.contains { $0.measured != nil }
      return .figure(
        Figure(
          title: "\(name): steal, second by second",
          reading: (isMeasured
            ? "Percent of the virtual CPUs' time that their threads waited on the host; what the guest itself "
              + "reported, in percent of the time that it counted, is among the numbers."
            : "What the guest reported as stolen, in percent of the time that it counted.")
            + " A gap: not observed in that second.",
          drawing: .lines(
            LineChart(
              lines: isMeasured
                ? [line("measured on the host", .first) { $0.measured }]
                : [line("reported by the guest (st)", .second) { $0.reported }],
              unit: isMeasured ? "% of the vCPUs' time" : "% of the time that the guest counted",
              limit: nil, zero: zero)),
          numbers: Table(
            caption:
              "\(name): steal, measured in percent of the virtual CPUs' time, reported in percent of what the guest "
              + "counted",
            columns: [.number("at"), .number("measured"), .number("reported")],
            rows: own.map { point in
              func text(_ value: Double?) -> String {
                value.map { Quantity.decimal($0, digits: 1) } ?? "not observed"
              }
              return [Quantity.seconds(point.at), text(point.measured), text(point.reported)]
            }), isInText: false))
    }
  }
}
