internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// Where the time went: the five hops of each guest disk.
struct HopSection: ReportSection {
  static let anchor = Anchor("hops")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    var blocks: [Block] = []
    let span = Self.span(request.filter, try Report.timeline(file, request.filter))
    for statistics in request.statistics {
      let disk = statistics.disk
      let isJoined = disk.verdict.isFollowed
      // One operation: its table says all.
      var tables: [Block] = []
      let shown = statistics.groups.filter { group in
        group.op != BlockOperation.together
          || statistics.groups.filter { $0.op != BlockOperation.flush.name }.count != 2
      }
      for group in shown {
        guard let table = table(group.hops, isJoined: isJoined) else { continue }
        if blocks.isEmpty { blocks = [.heading("Where the time went"), .paragraph(Self.legend)] }
        tables.append(
          .table(
            Table(
              caption: Printable.text(
                "\(disk.guest) \(disk.device), \(group.op)\(span), \(table.unit)"
                  + (table.isWhole ? "" : "; Q was not traced, so the times begin with D")
                  + (table.unseen.isEmpty
                    ? ":" : "; not observed: \(table.unseen.joined(separator: ", ")):")),
              columns: table.columns, rows: table.rows)))
      }
      let ios = statistics.groups.map(\.count).max() ?? 0
      blocks +=
        ios < Self.leastIOs && !tables.isEmpty
        ? [
          .folded(
            Printable.text("\(disk.guest) \(disk.device): \(Quantity.ios(ios))"),
            tables)
        ] : tables
    }
    if blocks.isEmpty {
      return [
        .heading("Where the time went"),
        .paragraph("No I/O of a guest is known from its Q to its C in what was selected."),
      ]
    }
    return blocks
  }

  /// A disk with fewer is folded.
  static let leastIOs = 50

  private static let legend =
    Hop.five.map(\.definition).joined(separator: ", ")
    + ". Without the host's trace H3, H4 and H5 are one, from D to C in the guest; with QEMU's own trace "
    + "they are H3, QEMU and the backend. "
    + "The hops from Q to C add up to that time, and their shares are of it; H1 lies before Q. Quantiles of hops do not add "
    + "up. Of I/Os that were followed through the host, where there is one."

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
      [.total, .virtioSubmit, .virtioReturn] + Hop.withoutHost
      + (isBelowOne ? [.virtioQueue] + Hop.onHost : [])
    // From Q to C; what lies before Q is no part of it. Without a Q the times begin with D.
    let isWhole = known[.block] != nil
    let lines = Hop.allCases.filter { $0 != (isWhole ? .total : .block) }
    let unseen = lines.filter { known[$0] == nil && !optional.contains($0) && $0 != .block }
    let shares = Self.shares(known, isWhole: isWhole)
    let rows = lines.compactMap { hop -> [String]? in
      guard let numbers = known[hop] else { return nil }
      return [
        hop.line, Quantity.count(Int64(numbers.count)), unit.text(numbers.p50),
        unit.text(numbers.p90), unit.text(numbers.p99),
        numbers.count >= 1000 ? unit.text(numbers.p999) : "-", unit.text(numbers.max),
        shares[hop] ?? "",
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

extension HopSection {
  /// The hops' parts of the time from Q to C, which add up to 100.0 %; where that is not known, of all.
  fileprivate static func shares(_ known: [Hop: LatencyStatistics], isWhole: Bool) -> [Hop: String]
  {
    guard isWhole, let block = known[.block] else {
      return known.compactMapValues { $0.shareOfTotal.map(Quantity.percent) }
    }
    func time(_ hop: Hop) -> Double { known[hop].map { $0.mean * Double($0.count) } ?? 0 }
    let whole = block.mean * Double(block.count)
    guard whole > 0 else { return [:] }
    let parts = Hop.passed.filter { $0 != .pageCache && known[$0] != nil }
    var shares: [Hop: String] = [.block: "100.0 %"]
    let sum = parts.reduce(0) { $0 + time($1) }
    // Where a hop is not known of each I/O, they are less than the whole.
    let texts = abs(sum - whole) <= 0.0005 * whole ? Quantity.shares(parts.map(time)) : nil
    for (place, hop) in parts.enumerated() {
      shares[hop] = texts?[place] ?? Quantity.share(time(hop) / whole)
    }
    for half in [Hop.virtioSubmit, .virtioReturn] where known[half] != nil {
      shares[half] = Quantity.percent(time(half) / whole)
    }
    return shares
  }
}

extension Hop {
  /// The name in a table of hops, where the halves stand below H3.
  var line: String { isHalf ? "   " + tableName : tableName }
}

extension DiskStatistics.Group {
  /// I/Os: as many as its most common hop.
  var count: Int { hops.values.map(\.count).max() ?? 0 }
}
