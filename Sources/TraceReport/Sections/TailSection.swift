internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// What the I/Os around the percentiles spent where, and what a percentile would be without a hop.
struct TailSection: ReportSection {
  static let anchor = Anchor("tail")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let disks = request.statistics
    let blocks = try disks.flatMap { statistics -> [Block] in
      // All that carry data; of one operation alone, that.
      guard statistics.disk.verdict.isFollowed,
        let group = statistics.groups.first(where: {
          $0.op == request.filter.op ?? BlockOperation.together
        }),
        !group.tail.isEmpty, group.count >= HopSection.leastIOs
      else { return [] }
      let name = Printable.text("\(statistics.disk.guest) \(statistics.disk.device), \(group.op)")
      return [.figure(Self.tail(name, group, try bound(file, statistics.disk)))]
        + (Self.whatIf(name, group).map { [.figure($0)] } ?? [])
    }
    // The sentences are of the whole capture.
    let isWhole = request.filter.from == nil && request.filter.to == nil
    let facts =
      isWhole ? try Findings.aboutTail(in: file, guest: request.filter.guest).map(Self.fact) : []
    let shared = isWhole ? try Self.shared(file, request.filter) : []
    guard !blocks.isEmpty || !facts.isEmpty || !shared.isEmpty else { return [] }
    return [.heading("The tail, and what would help")]
      + (facts.isEmpty ? [] : [.facts(facts)]) + shared + blocks
  }

  /// What the slow I/Os of each disk have in common.
  private static func shared(_ file: IncidentFile, _ filter: IOFilter) throws -> [Block] {
    let facts = try file.commonTraits(guest: filter.guest, device: filter.device).flatMap { disk in
      disk.traits.enumerated().map { place, trait in
        Fact(
          Printable.text("\(disk.guest) \(disk.device)"),
          Printable.text(SlowText.line(trait, place, from: disk.slowFrom)) + ".")
      }
    }
    guard !facts.isEmpty else { return [] }
    return [
      .paragraph(
        "What the slowest I/Os have in common that the others have less often (view common_trait). It is an "
          + "association: a trait may itself follow from the cause."),
      .facts(facts),
    ]
  }

  /// What a guest's tail shows, and what follows from it.
  private static func fact(_ finding: Finding) -> Fact {
    Fact(Printable.text(finding.guest ?? ""), "\(finding.sentence) \(finding.nextStep)")
  }

  /// The middle bound of the guest's clock, ns.
  private func bound(_ file: IncidentFile, _ disk: DiskRow) throws -> Double? {
    try file.clocks().first { $0.machine == disk.guest }.map { Double($0.middleError) }
  }

  /// The hops that are shown: those that each disk has, and QEMU's in the place of the host's where they were observed.
  private static func parts(_ group: DiskStatistics.Group) -> [Hop] {
    let isThroughQEMU = group.tail.contains { $0.hop == .backend }
    let others = isThroughQEMU ? Hop.onHost : Hop.throughQEMU
    return Hop.blockParts.filter { !others.contains($0) }
  }

  private static func tail(
    _ name: String, _ group: DiskStatistics.Group, _ bound: Double?
  ) -> Figure {
    let parts = parts(group)
    let percentiles = group.tail.filter { $0.hop == .block }
    let unit = Quantity.TimeUnit.fitting(percentiles.first?.mean ?? 0)
    func share(_ percentile: Double, _ hop: Hop) -> TailShare? {
      group.tail.first { $0.percentile == percentile && $0.hop == hop }
    }
    let bars = percentiles.map { whole in
      StackedBars.Bar(
        label: "p\(label(whole.percentile)) (\(Quantity.ios(whole.ios)))",
        parts: parts.compactMap { hop in
          guard let part = share(whole.percentile, hop), let mark = Mark(hop) else { return nil }
          return StackedBars.Part(
            mark: mark, value: part.mean,
            note: "\(mark.label): \(Quantity.time(part.mean)), "
              + Quantity.share(part.share))
        }, total: Quantity.time(whole.mean), bound: bound)
    }
    let numbers = Table(
      caption: "\(name): hops of the I/Os around each percentile of Q to C, mean in \(unit.symbol)",
      columns: [.text("around")] + parts.map { .number($0.mark) }
        + [.number("Q to C"), .number("I/Os")],
      rows: percentiles.map { whole in
        ["p\(label(whole.percentile))"]
          + parts.map { hop in
            share(whole.percentile, hop).map { unit.text($0.mean) } ?? "not observed"
          } + [unit.text(whole.mean), "\(whole.ios)"]
      })
    return Figure(
      title: "\(name): where the I/Os around each percentile spent their time",
      reading:
        "Each bar is the mean of the I/Os around that percentile of Q to C; their own hops add up, "
        + "percentiles of hops do not. The line under a border shows how far the clocks may move it.",
      drawing: .bars(StackedBars(bars: bars)), numbers: numbers, isInText: true)
  }

  /// Nil where no percentile is known without a hop.
  private static func whatIf(_ name: String, _ group: DiskStatistics.Group) -> Figure? {
    let parts = parts(group)
    let rows = group.whatIf.filter { parts.contains($0.hop) && [50, 99].contains($0.percentile) }
    let unit = Quantity.TimeUnit.fitting(rows.map(\.now).max() ?? 0)
    // Of few I/Os the p99 is not known.
    guard let drawn = rows.map(\.percentile).max(),
      let now = rows.first(where: { $0.percentile == drawn })?.now
    else { return nil }
    // By how much the percentile would fall, the most first.
    let gains = rows.filter { $0.percentile == drawn && $0.without <= $0.now }.sorted {
      $0.without != $1.without ? $0.without < $1.without : $0.hop.mark < $1.hop.mark
    }
    let bars = gains.map { row in
      let gain = row.now - row.without
      let share = Quantity.share(Double(gain) / Double(max(1, row.now)))
      return StackedBars.Bar(
        label: "without \(row.hop.mark)",
        parts: [
          StackedBars.Part(
            mark: Mark(row.hop) ?? .notFollowed, value: Double(gain),
            note:
              "p\(label(drawn)) \(Quantity.time(row.without)) instead of \(Quantity.time(row.now))")
        ],
        total: "-\(Quantity.brief(gain)) (\(share))")
    }
    return Figure(
      title:
        "\(name): by how much the p\(label(drawn)) of Q to C, \(Quantity.brief(now)), would fall "
        + "if a hop took no time",
      reading:
        "The most that any tuning of that layer can gain: an upper bound, since what leaves one "
        + "queue earlier may wait in the next.",
      drawing: .bars(StackedBars(bars: bars)),
      numbers: Table(
        caption: "\(name): percentiles of Q to C without a hop, \(unit.symbol)",
        columns: [
          .text("without"), .text("at"), .number("now"), .number("without it"), .number("gain"),
        ],
        rows: rows.map { row in
          [
            row.hop.mark, "p\(label(row.percentile))", unit.text(row.now),
            unit.text(row.without),
            Quantity.share(1 - Double(row.without) / Double(max(1, row.now))),
          ]
        }), isInText: true)
  }

  static func label(_ percentile: Double) -> String {
    Quantity.decimal(percentile, digits: percentile == percentile.rounded() ? 0 : 1)
  }
}
