internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// Where the time went: the five hops of each guest disk.
struct HopSection: ReportSection {
  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    var blocks: [Block] = []
    let span = Self.span(request.filter, try Report.timeline(file, request.filter))
    for statistics in try DiskStatistics.load(file, request.filter) {
      let disk = statistics.disk
      let isJoined = disk.verdict == .joined
      // One operation: its table says all.
      let shown = statistics.groups.filter { group in
        group.op != BlockOperation.together
          || statistics.groups.filter { $0.op != BlockOperation.flush.name }.count != 2
      }
      for group in shown {
        guard let table = table(group.hops, isJoined: isJoined) else { continue }
        if blocks.isEmpty { blocks = [.heading("Where the time went"), .paragraph(Self.legend)] }
        blocks.append(
          .table(
            Table(
              caption: Printable.text(
                "\(disk.guest) \(disk.device), \(group.op)\(span), \(table.unit)"
                  + (table.isWhole ? "" : "; Q was not traced, so the times begin with D")
                  + (table.unseen.isEmpty
                    ? ":" : "; not observed: \(table.unseen.joined(separator: ", ")):")),
              columns: table.columns, rows: table.rows)))
      }
    }
    if blocks.isEmpty {
      return [
        .heading("Where the time went"),
        .paragraph("No I/O of a guest is known from its Q to its C in what was selected."),
      ]
    }
    return blocks
  }

  private static let legend =
    Hop.five.map(\.definition).joined(separator: ", ")
    + ". Without the host's trace H3, H4 and H5 are one, from D to C in the guest. "
    + "The hops of an I/O add up to its total; quantiles of hops do not."

  private static func span(_ filter: IOFilter, _ timeline: Timeline?) -> String {
    switch (filter.from, filter.to) {
    case (nil, nil): ""
    case (let from?, nil): " from \(timeline.text(from))"
    case (nil, let to?): " until \(timeline.text(to))"
    case (let from?, let to?): " from \(timeline.text(from)) until \(timeline.text(to))"
    }
  }

  private struct Numbers {
    let unit: String
    let columns: [Table.Column]
    let rows: [[String]]
    /// Hops that no file shows.
    let unseen: [String]
    /// Whether it begins with Q.
    let isWhole: Bool
  }

  private func table(
    _ known: [Hop: LatencyStatistics], isJoined: Bool
  ) -> Numbers? {
    guard
      let total = known[.total] ?? known[.guestScheduler] ?? known[.belowGuest]
        ?? known[.virtioQueue]
    else { return nil }
    let unit = Quantity.TimeUnit.fitting(total.p50)
    let isBelowOne = known[.belowGuest] != nil && known[.virtioQueue] == nil
    let optional: [Hop] =
      [.total, .virtioSubmit, .virtioReturn, .belowGuest]
      + (isBelowOne ? [.virtioQueue] + Hop.onHost : [])
    let lines = Hop.allCases.filter { $0 != .block }
    let unseen = lines.filter { known[$0] == nil && !optional.contains($0) }
    let rows = lines.compactMap { hop -> [String]? in
      guard let numbers = known[hop] else { return nil }
      return [
        hop.line, Quantity.count(Int64(numbers.count)), unit.text(numbers.p50),
        unit.text(numbers.p90), unit.text(numbers.p99),
        numbers.count >= 1000 ? unit.text(numbers.p999) : "-", unit.text(numbers.max),
        numbers.shareOfTotal.map(hop.isHalf ? Quantity.percent : Quantity.share) ?? "",
      ]
    }
    return Numbers(
      unit: unit.symbol,
      columns: [
        .text("hop", yielding: .init(least: 8, keepsBeginning: true)), .number("count"),
        .number("p50"), .number("p90"), .number("p99"),
        .number("p99.9"), .number("max"), .number("share"),
      ],
      rows: rows, unseen: unseen.map(\.tableName),
      isWhole: known[.total] != nil || known[.guestScheduler] != nil)
  }
}

extension Hop {
  /// The name in a table of hops, where the halves stand below H3.
  var line: String { isHalf ? "   " + tableName : tableName }
}
