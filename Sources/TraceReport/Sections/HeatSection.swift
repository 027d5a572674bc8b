internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// How long each hop took over time, no I/O left out. A picture only: in numbers it is the table of hops.
struct HeatSection: ReportSection {
  static let anchor = Anchor("over-time")

  private static let mostColumns = 80
  /// Maps of a report, however many disks there are.
  private static let mostMaps = 7
  /// Of fewer I/Os a picture shows nothing that the slowest I/Os do not.
  private static let leastIOs = 10

  /// The whole way first, which each disk gets.
  private static let hops = [.block] + Hop.blockParts

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    // The busiest disks first. Each gets its whole way, and the first of them their hops, too.
    var disks: [(disk: DiskRow, filter: IOFilter, span: ClosedRange<Int64>, ios: Int64)] = []
    for disk in try file.disks(request.filter) {
      var filter = request.filter
      filter.guest = disk.guest
      filter.device = disk.device
      guard let span = try file.span(filter) else { continue }
      let ios = try file.grades(filter).filter { !$0.isFlush }.reduce(0) { $0 + Int64($1.count) }
      if ios >= Self.leastIOs { disks.append((disk, filter, span, ios)) }
    }
    disks.sort { ($1.ios, $0.disk.guest, $0.disk.device) < ($0.ios, $1.disk.guest, $1.disk.device) }
    let shown = disks.prefix(Self.mostMaps)
    var spare = Self.mostMaps - shown.count + 1
    let figures = try shown.compactMap { disk, filter, span, _ -> Block? in
      let figure = try figure(
        file, disk, filter, span, maps: min(Self.hops.count, max(1, spare)))
      if let figure, case .heat(let maps) = figure.drawing { spare -= maps.count - 1 }
      return figure.map(Block.figure)
    }
    return figures.isEmpty ? [] : [.heading("Over time")] + figures
  }

  private func figure(
    _ file: IncidentFile, _ disk: DiskRow, _ filter: IOFilter, _ span: ClosedRange<Int64>,
    maps most: Int
  ) throws -> Figure? {
    let zero = try Report.timeline(file, filter)?.wall?.utc(0)
    var maps: [HeatMap] = []
    var rows: [[String]] = []
    let stored = try StoredHeat(file, filter)
    let grid = IntervalGrid(span, most: Self.mostColumns)
    let (start, length, columns) =
      stored.map { ($0.start, $0.length, $0.columns) }
      ?? (grid.begin(of: 0), grid.length, grid.count)
    let hops = Array(Self.hops.prefix(most))
    let all =
      try stored?.cells
      ?? file.heat(hops, filter, start: start, width: length, edges: Self.edges)
    for hop in hops {
      guard let cells = all[hop], !cells.isEmpty else { continue }
      // Rows between the lowest and the highest that hold something.
      let lowest = cells.map(\.row).min() ?? 0
      let highest = cells.map(\.row).max() ?? 0
      let shown = Array(lowest...highest)
      maps.append(
        HeatMap(
          title: hop.title, columns: columns, rows: shown.map(Self.name),
          decades: shown.indices.filter { (shown[$0] - 1) % 3 == 0 && shown[$0] > 0 },
          cells: cells.map {
            HeatMapCell(column: $0.column, row: $0.row - lowest, count: $0.count)
          },
          from: Double(start) / 1e9, length: Double(length) / 1e9, zero: zero))
      for row in shown {
        let count = cells.filter { $0.row == row }.reduce(0) { $0 + $1.count }
        if count > 0 { rows.append([hop.title, Self.name(row), Quantity.count(Int64(count))]) }
      }
    }
    guard !maps.isEmpty else { return nil }
    let name = Printable.text("\(disk.guest) \(disk.device)")
    return Figure(
      title: "\(name): how long each hop took, by when the I/O began",
      reading:
        "Time runs to the right, a hop's length upward on a logarithmic scale; the stronger a cell's "
        + "colour the more I/Os. A column is \(Quantity.decimal(maps[0].length, digits: 2)) s. No I/O with data is left out.",
      drawing: .heat(maps),
      numbers: Table(
        caption: "\(name): I/Os by the length of their hops",
        columns: [.text("hop"), .text("from"), .number("I/Os")], rows: rows), isInText: false)
  }

  /// 1 us, 2 us, 5 us, 10 us, ... to 100 s; below the first and above the last is a row, too.
  fileprivate static let edges: [Int64] =
    (0..<8).flatMap { power -> [Int64] in
      let unit = (0..<power).reduce(Int64(1_000)) { result, _ in 10 * result }
      return [unit, 2 * unit, 5 * unit]
    } + [100_000_000_000]

  private static func name(_ row: Int) -> String {
    switch row {
    case 0: "< 1 us"
    case edges.count: "> " + time(edges[edges.count - 1])
    default: time(edges[row - 1])
    }
  }

  private static func time(_ nanoseconds: Int64) -> String {
    switch nanoseconds {
    case ..<1_000_000: "\(nanoseconds / 1000) us"
    case ..<1_000_000_000: "\(Quantity.decimal(Double(nanoseconds) / 1e6, digits: 0)) ms"
    default: "\(Quantity.decimal(Double(nanoseconds) / 1e9, digits: 0)) s"
    }
  }
}

/// The cells that correlation counted for a disk: reading them takes no time that grows with the number of I/Os.
private struct StoredHeat {
  /// Begin of the first column, ns.
  let start: Int64
  /// Of a column, ns.
  let length: Int64
  let columns: Int
  let cells: [Hop: [HeatCell]]

  /// Nil where a part of the I/Os is selected, or none of the disk's are counted.
  init?(_ file: IncidentFile, _ filter: IOFilter) throws {
    guard filter.from == nil, filter.to == nil, filter.op == nil, let guest = filter.guest,
      let device = filter.device
    else { return nil }
    let own = "guest = \(SQLText.literal(guest)) AND device = \(SQLText.literal(device))"
    let intervals = try file.rows(
      "SELECT DISTINCT at_ns, interval_ns FROM latency_interval WHERE \(own) AND op = 'all' ORDER BY at_ns"
    )
    guard let first = intervals.first?.integer("at_ns"),
      let last = intervals.last?.integer("at_ns"),
      let apart = ChartedDisk.length(intervals), apart > 0
    else { return nil }
    let length = Int64((apart * 1e9).rounded())
    (start, self.length, columns) = (first, length, Int((last - first) / length) + 1)
    var cells: [Hop: [HeatCell]] = [:]
    for row in try file.rows("SELECT * FROM hop_cell WHERE \(own) ORDER BY hop, at_ns, low_ns") {
      guard let hop = row.text("hop").flatMap(Hop.init(name:)), let at = row.integer("at_ns"),
        let low = row.integer("low_ns"), let count = row.integer("count")
      else { continue }
      cells[hop, default: []].append(
        HeatCell(
          column: Int((at - first) / length), row: HeatSection.edges.partitioningIndex { $0 > low },
          count: Int(clamping: count)))
    }
    guard !cells.isEmpty else { return nil }
    self.cells = cells
  }
}
