internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// All layers of the worst guest on one time axis, out of tables that are bounded whatever the number of I/Os.
struct LayerSection: ReportSection {
  static let anchor = Anchor("layers")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    guard let explanation = request.explanation, explanation.mixed == nil,
      let guest = explanation.guests.first, !guest.isCounted, !guest.phases.isEmpty
    else { return [] }
    let layers = try Layers(file, guest)
    let columns = try IntervalSection.panels(file, guest).map(\.column)
    guard let figure = layers.figure(columns) else { return [] }
    var blocks: [Block] = [.heading("All layers on one time axis"), .figure(figure)]
    if !layers.missing.isEmpty {
      blocks.append(
        .paragraph("Not drawn, as no file shows it: \(layers.missing.joined(separator: "; "))."))
    }
    return blocks
  }
}

/// The lanes of a guest.
private struct Layers {
  private let guest: GuestStory
  private let names: DeviceNames
  private(set) var lanes: [LayerChart.Lane] = []
  /// What has no lane, and what it would take.
  private(set) var missing: [String] = []
  /// The numbers behind the lanes, in one row per interval of the first.
  private var numbers = Table(caption: "", columns: [], rows: [])

  /// Owners that have a colour of their own.
  private static let mostOwners = 4
  /// Points of the network path that have a line.
  private static let mostLosses = 3
  /// A limit far above all that was there would only flatten the lines.
  private static let farLimit = 4.0

  init(_ file: IncidentFile, _ guest: GuestStory) throws {
    self.guest = guest
    names = try DeviceNames(file)
    let disk = try ChartedDisk(file, guest)
    if let disk {
      try addLatency(file, disk)
    } else {
      missing.append("latencies (no I/O is known from Q to C)")
    }
    try addDevice(file, disk)
    try addWaits(file)
    try addSteal(file)
    try addLosses(file)
  }

  // MARK: - Lanes

  private mutating func addLatency(_ file: IncidentFile, _ disk: ChartedDisk) throws {
    let (device, op, length, intervals) = (disk.device, disk.op, disk.length, disk.intervals)
    let selected =
      "WHERE guest = \(SQLText.literal(guest.guest)) AND device = \(SQLText.literal(device)) AND op = \(SQLText.literal(op))"
    let cells = try file.rows("SELECT * FROM latency_cell \(selected) ORDER BY at_ns, low_ns")
      .compactMap { row -> LayerChart.Cell? in
        guard let at = row.integer("at_ns"), let low = row.number("low_ns"),
          let count = row.integer("count")
        else { return nil }
        return LayerChart.Cell(
          from: Double(at) / 1e9, to: Double(at) / 1e9 + length, low: low,
          high: row.number("high_ns") ?? 2 * low, count: Int(clamping: count))
      }
    func line(_ name: String, _ mark: Mark, _ column: String) -> LayerChart.Series {
      LayerChart.Series(
        name: name, mark: mark,
        stretches: intervals.map { row in
          let at = Double(row.integer("at_ns") ?? 0) / 1e9
          return .init(from: at, to: at + length, value: row.number(column))
        })
    }
    let count = intervals.compactMap { $0.integer("count") }.saturatingSum(\.self)
    let word = disk.word
    lanes.append(
      LayerChart.Lane(
        title: guest.isSeenByHost ? "\(word) on the host" : "Guest \(word)",
        subtitle: "\(names.short(device, of: guest.guest)), \(Quantity.count(count)) \(word)",
        content: .heat(
          cells, [line("median", .ink, "p50_ns"), line("p99", .second, "p99_ns")]),
        covered: Self.covered(intervals)))
    let unit = Quantity.TimeUnit.fitting(
      intervals.compactMap { $0.integer("p50_ns") }.max() ?? 0)
    numbers = Table(
      caption:
        "\(word) of \(names.full(device, of: guest.guest)) by interval of \(Quantity.decimal(length, digits: 2)) s, "
        + "from Q to C in \(unit.symbol)",
      columns: [.number("at"), .number(word), .number("median"), .number("p99")],
      rows: intervals.map { row in
        [
          Quantity.seconds(row.integer("at_ns") ?? 0), Quantity.count(row.integer("count") ?? 0),
          row.integer("p50_ns").map(unit.text) ?? "", row.integer("p99_ns").map(unit.text) ?? "",
        ]
      })
  }

  private mutating func addDevice(_ file: IncidentFile, _ disk: ChartedDisk?) throws {
    let place = try disk?.place(file)
    guard let place else {
      missing.append("the device below and its queue (a block trace of the host that is joined)")
      return
    }
    let selected =
      "WHERE machine = \(SQLText.literal(place.machine)) AND device = \(SQLText.literal(place.device))"
    let rows = try file.rows("SELECT * FROM device_interval \(selected) ORDER BY at_ns")
    let name = names.short(place.device, of: place.machine)
    let whole = rows.filter { $0.text("guest") == nil && $0.text("comm") == nil }
    if let length = Self.length(whole) {
      lanes.append(
        LayerChart.Lane(
          title: "Disk below", subtitle: "\(name), requests/s",
          content: .stack(owners(rows, whole, length)), covered: Self.covered(whole)))
    }
    let depths = try file.rows(
      "SELECT * FROM queue_depth \(selected) AND hop = 'hardware_queue' ORDER BY at_ns")
    guard !depths.isEmpty else { return }
    let highest = depths.compactMap { $0.number("max_depth") }.max() ?? 0
    let limit = depths.first?.number("limit_depth")
    let queue = depths.map { row -> LayerChart.Stretch in
      let at = Double(row.integer("at_ns") ?? 0) / 1e9
      return .init(
        from: at, to: at + Double(row.integer("interval_ns") ?? 0) / 1e9,
        value: row.number("mean_depth"))
    }
    lanes.append(
      LayerChart.Lane(
        title: "Its queue", subtitle: "requests in flight",
        content: .curves([.init(name: "mean depth", mark: .owner(3), stretches: queue)]),
        limit: limit.flatMap {
          $0 <= Self.farLimit * max(1, highest)
            ? ($0, "limit \(Quantity.decimal($0, digits: 0))") : nil
        }, covered: Self.covered(depths)))
  }

  /// The guest first, then who asked most; all others together last.
  private func owners(
    _ rows: [QueryRow], _ whole: [QueryRow], _ length: Double
  ) -> [LayerChart.Series] {
    struct Owner: Hashable {
      let guest: String?
      let comm: String?
    }
    var counts: [Owner: [Int64: Double]] = [:]
    for row in rows {
      let owner = Owner(guest: row.text("guest"), comm: row.text("comm"))
      guard owner.guest != nil || owner.comm != nil, let at = row.integer("at_ns") else { continue }
      counts[owner, default: [:]][at] = row.number("requests") ?? 0
    }
    func weight(_ owner: Owner) -> Double { counts[owner]?.values.reduce(0, +) ?? 0 }
    let own = Owner(guest: guest.guest, comm: nil)
    let others = counts.keys.filter { $0 != own }.sorted {
      let (left, right) = (weight($0), weight($1))
      return left != right ? left > right : ($0.comm ?? "") < ($1.comm ?? "")
    }
    let all = whole.reduce(0) { $0 + ($1.number("requests") ?? 0) }
    // Of hardly any requests a colour would show nothing.
    let shown = others.filter { weight($0) >= 0.01 * all }.prefix(Self.mostOwners)
    func series(_ name: String, _ mark: Mark, _ value: (Int64) -> Double) -> LayerChart.Series {
      LayerChart.Series(
        name: name, mark: mark,
        stretches: whole.map { row in
          let at = row.integer("at_ns") ?? 0
          let covered = Double(row.integer("interval_ns") ?? 1) / 1e9
          return .init(
            from: Double(at) / 1e9, to: Double(at) / 1e9 + length, value: value(at) / covered)
        })
    }
    var found = [
      series(Printable.text(guest.guest), .owner(0)) { counts[own]?[$0] ?? 0 }
    ]
    for (place, owner) in shown.enumerated() {
      let name =
        owner.guest.map { Report.name(Machine(name: $0, layer: .guest)) } ?? owner.comm ?? ""
      found.append(series(Printable.text(name), .owner(place + 1)) { counts[owner]?[$0] ?? 0 })
    }
    let sums = Dictionary(
      whole.map { ($0.integer("at_ns") ?? 0, $0.number("requests") ?? 0) },
      uniquingKeysWith: { first, _ in first })
    let rest = series("others", .owner(5)) { at in
      (sums[at] ?? 0) - (counts[own]?[at] ?? 0)
        - shown.reduce(0) { $0 + (counts[$1]?[at] ?? 0) }
    }
    if rest.stretches.contains(where: { ($0.value ?? 0) > 0 }) { found.append(rest) }
    return found
  }

  private mutating func addWaits(_ file: IncidentFile) throws {
    let rows = try file.rows(
      "SELECT * FROM wait_interval WHERE guest = \(SQLText.literal(guest.guest)) ORDER BY at_ns")
    let whole = rows.filter { $0.text("class") == nil }
    guard let length = Self.length(whole) else {
      let isCounted = try !file.rows(
        "SELECT 1 AS found FROM culprit WHERE victim_guest = \(SQLText.literal(guest.guest)) LIMIT 1"
      ).isEmpty
      missing.append(
        isCounted
          ? "when it waited for a CPU (nothing ties the host's scheduler trace to the time axis)"
          : "waits for a CPU (a scheduler trace of the host)")
      return
    }
    struct Culprit: Hashable {
      let kind: String
      let name: String
    }
    var waits: [Culprit: [Int64: Double]] = [:]
    for row in rows {
      guard let kind = row.text("class"), let at = row.integer("at_ns") else { continue }
      let name = CulpritName.text(row, kind)
      waits[Culprit(kind: kind, name: name), default: [:]][at, default: 0] +=
        row.number("wait_ns") ?? 0
    }
    func weight(_ culprit: Culprit) -> Double { waits[culprit]?.values.reduce(0, +) ?? 0 }
    // Its own threads first, as of the disk its own requests.
    let all = whole.reduce(0) { $0 + ($1.number("wait_ns") ?? 0) }
    let own = waits.keys.filter { $0.kind == CulpritClass.sibling.name }
    let others = waits.keys.filter { !own.contains($0) && weight($0) >= 0.02 * all }.sorted {
      let (left, right) = (weight($0), weight($1))
      return left != right ? left > right : $0.name < $1.name
    }.prefix(Self.mostOwners)
    func series(_ name: String, _ mark: Mark, _ value: (Int64) -> Double) -> LayerChart.Series {
      LayerChart.Series(
        name: name, mark: mark,
        stretches: whole.map { row in
          let at = row.integer("at_ns") ?? 0
          let time = (row.number("interval_ns") ?? 1) * max(1, row.number("vcpus") ?? 1)
          return .init(
            from: Double(at) / 1e9, to: Double(at) / 1e9 + length, value: 100 * value(at) / time)
        })
    }
    var found = own.map { culprit in
      series(culprit.name, .owner(0)) { waits[culprit]?[$0] ?? 0 }
    }
    for (place, culprit) in others.enumerated() {
      found.append(
        series(culprit.name, .owner(place + 1)) { waits[culprit]?[$0] ?? 0 })
    }
    let sums = Dictionary(
      whole.map { ($0.integer("at_ns") ?? 0, $0.number("wait_ns") ?? 0) },
      uniquingKeysWith: { first, _ in first })
    let shown = own + Array(others)
    let rest = series("others", .owner(5)) { at in
      max(0, (sums[at] ?? 0) - shown.reduce(0) { $0 + (waits[$1]?[at] ?? 0) })
    }
    if rest.stretches.contains(where: { ($0.value ?? 0) > 0 }) { found.append(rest) }
    lanes.append(
      LayerChart.Lane(
        title: "vCPUs waiting", subtitle: "% of their time, for",
        content: .stack(found), covered: Self.covered(whole), isPercent: true))
  }

  private mutating func addSteal(_ file: IncidentFile) throws {
    let seconds = try file.stealSeconds(guest: guest.guest).filter { $0.reported != nil }
    guard !seconds.isEmpty else { return }
    lanes.append(
      LayerChart.Lane(
        title: "Steal in the guest", subtitle: "% as it counted",
        content: .curves([
          .init(name: "steal", mark: .owner(4), stretches: Self.seconds(seconds, \.reported))
        ]), covered: Self.covered(seconds), isPercent: true))
  }

  /// Where packets were lost, as rates between two readings.
  private mutating func addLosses(_ file: IncidentFile) throws {
    let points = Dictionary(
      grouping: try ChartedDisk.losses(file, of: guest.guest), by: \.point)
    func weight(_ point: String) -> Double { points[point]?.reduce(0) { $0 + $1.packets } ?? 0 }
    let shown = points.keys.sorted {
      let (left, right) = (weight($0), weight($1))
      return left != right ? left > right : $0 < $1
    }.prefix(Self.mostLosses)
    guard !shown.isEmpty else { return }
    let series = shown.enumerated().map { place, point in
      LayerChart.Series(
        name: Printable.text(point), mark: .owner(place + 1),
        stretches: (points[point] ?? []).map { loss in
          let (from, to) = (Double(loss.from) / 1e9, Double(loss.to) / 1e9)
          return .init(from: from, to: to, value: loss.packets / max(1e-9, to - from))
        })
    }
    lanes.append(
      LayerChart.Lane(
        title: "Packets lost",
        subtitle: series.count == 1 ? "per s, at \(series[0].name)" : "per s, at",
        content: .curves(series),
        covered: Self.joined(
          series.flatMap(\.stretches).map { ($0.from, $0.to) }.sorted { $0 < $1 }))
    )
  }

  private static func seconds(
    _ points: [StealPoint], _ value: KeyPath<StealPoint, Double?>
  ) -> [LayerChart.Stretch] {
    points.map {
      let at = Double($0.at) / 1e9
      return .init(from: at, to: at + 1, value: $0[keyPath: value])
    }
  }

  /// The seconds that follow each other, s.
  private static func covered(_ points: [StealPoint]) -> [ClosedRange<Double>] {
    joined(points.map { (Double($0.at) / 1e9, Double($0.at) / 1e9 + 1) })
  }

  /// Where rows have times.
  private static func covered(_ rows: [QueryRow]) -> [ClosedRange<Double>] {
    // The outermost are cut where the trace begins and ends; which end of theirs is missing, only the others tell.
    guard let length = length(rows) else { return [] }
    return joined(
      rows.enumerated().compactMap { place, row in
        guard let at = row.integer("at_ns"), let covered = row.integer("interval_ns") else {
          return nil
        }
        let (begin, part) = (Double(at) / 1e9, Double(covered) / 1e9)
        return place == 0 ? (begin + length - part, begin + length) : (begin, begin + part)
      })
  }

  private static func joined(_ parts: [(Double, Double)]) -> [ClosedRange<Double>] {
    var found: [ClosedRange<Double>] = []
    for (from, to) in parts where to > from {
      if let last = found.last, from <= last.upperBound + 1e-6 {
        found[found.count - 1] = last.lowerBound...max(last.upperBound, to)
      } else {
        found.append(from...to)
      }
    }
    return found
  }

  /// How far apart the intervals are, s; of one alone its length.
  private static func length(_ rows: [QueryRow]) -> Double? { ChartedDisk.length(rows) }

  // MARK: - The figure

  func figure(_ columns: [LayerChart.Column]) -> Figure? {
    guard !lanes.isEmpty, let first = guest.phases.first, let last = guest.phases.last,
      last.to > first.from
    else { return nil }
    let own = (from: Double(first.from) / 1e9, to: Double(last.to) / 1e9)
    let covered = lanes.flatMap(\.covered)
    let all =
      (covered.map(\.upperBound).max() ?? own.to) - (covered.map(\.lowerBound).min() ?? own.from)
    // Of a few I/Os in a long capture what else was there is the picture.
    let spare = own.to - own.from < 0.1 * all ? all : 0.25 * (own.to - own.from)
    let from = max(own.from - spare, min(own.from, covered.map(\.lowerBound).min() ?? own.from))
    let to = min(own.to + spare, max(own.to, covered.map(\.upperBound).max() ?? own.to))
    var chart = LayerChart(
      from: from, to: to, zero: guest.wall.map { $0.utc(0) }, lanes: lanes,
      phases: guest.changed.map {
        Double($0.from) / 1e9...max(Double($0.from), Double($0.to)) / 1e9
      },
      onsets: guest.phases.dropFirst().map { phase in
        .init(at: Double(phase.from) / 1e9, name: name(phase))
      },
      pauses: guest.pauses.filter(\.isPlaced).map {
        Double($0.from) / 1e9...max(Double($0.from), Double($0.to)) / 1e9
      })
    chart.columns = columns
    return Figure(
      title: "\(ExplanationText.title(guest)): all layers over time",
      reading:
        "All lanes have the same time, \(guest.wall == nil ? "seconds" : "seconds and UTC"). In the first, each cell "
        + "counts I/Os by when they began and how long they took: the darker the more (1, up to 4, up to 16, ...). "
        + (guest.changed.isEmpty
          ? "" : "Shaded: not as usual; red lines: where that begins and ends. ")
        + "Hatched: not traced."
        + (columns.isEmpty ? "" : " A click on a column opens its interval."),
      drawing: .layers(chart), numbers: numbers, isInText: false)
  }

  /// `5.9 s: fio`, or what changed.
  private func name(_ phase: GuestStory.Phase) -> String {
    let at = "\(Quantity.decimal(Double(phase.from) / 1e9, digits: 1)) s: "
    if phase.isBaseline { return at + "as before" }
    if phase.isStall { return at + "nothing completes" }
    if let cause = phase.causes.first, let name = cause.name {
      return at + ExplanationText.name(name) + (cause.began == nil ? " (ran before)" : "")
    }
    guard let change = phase.headline(guest.op), change.isSure else { return at + "change" }
    let what = "\(ExplanationText.operation(change.op)) \(change.delta < 0 ? "faster" : "slower")"
    // Some causes have no name: the device, a limit.
    let cause = phase.causes.first.flatMap { CauseKind(name: $0.kind) }?.mark
    return at + what + (cause.map { ", \($0)" } ?? "")
  }
}
