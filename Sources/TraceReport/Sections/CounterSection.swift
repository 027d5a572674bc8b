internal import TraceModel
internal import TraceStore

/// What the kernels counted besides: how busy disks were, what waited for a CPU, whether memory was short.
struct CounterSection: ReportSection {
  static let anchor = Anchor("counters")

  /// Disks of a machine that are shown: those that were busiest.
  private static let mostDisks = 4
  /// Machines that are shown.
  private static let mostMachines = 8

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let others = Set(
      try file.rows("SELECT DISTINCT machine FROM source WHERE layer = 'guest'")
        .compactMap { $0.text("machine") }.filter { guest in
          request.filter.guest.map { $0 != guest } ?? false
        })
    func rows(_ query: String) throws -> [QueryRow] {
      guard let sql = Schema.queries.first(where: { $0.name == query })?.sql else { return [] }
      return try file.rows(sql).filter { !others.contains($0.text("machine") ?? "") }
    }
    let disks = try rows("disk-load")
    let queues = Dictionary(grouping: try rows("run-queues")) { $0.text("machine") ?? "" }
    let memory = Dictionary(grouping: try rows("memory-load")) { $0.text("machine") ?? "" }
    let facts = Set(queues.keys).union(memory.keys).sorted().prefix(Self.mostMachines).compactMap {
      machine -> Fact? in
      let parts =
        [Self.waiting(queues[machine] ?? [])].compactMap(\.self)
        + Self.memory(memory[machine] ?? [])
      return parts.isEmpty
        ? nil : Fact(Printable.text(machine), parts.joined(separator: "; ") + ".")
    }
    var blocks: [Block] = []
    if let table = Self.table(disks) { blocks.append(table) }
    blocks += disks.filter(Self.isImpossible).prefix(Self.mostDisks).map { row in
      .paragraph(
        Printable.text(
          "\(row.text("disk") ?? "") of \(row.text("machine") ?? "") contradicts itself: it counts "
            + "\(Quantity.decimal(row.number("busy_pct") ?? 0, digits: 1)) % of the time that passed by the dates as busy; "
            + "its share is left out."))
    }
    if !facts.isEmpty {
      blocks += [
        .paragraph(
          "Run queues, blocked tasks, swap and reclaim; 'query --name memory-load' has all:"),
        .facts(facts),
      ]
    }
    let latencies = try LatencyFacts.facts(file, without: others)
    if !latencies.isEmpty {
      blocks += [
        .paragraph(
          "Latencies by tools that kept how they were distributed; of a histogram the end of the bucket:"
        ),
        .facts(latencies),
      ]
    }
    return blocks.isEmpty ? [] : [.heading("What the kernels counted besides")] + blocks
  }

  private static func table(_ rows: [QueryRow]) -> Block? {
    var shown: [String: Int] = [:]
    let rows = rows.filter { row in
      shown[row.text("machine") ?? "", default: 0] += 1
      return shown[row.text("machine") ?? "", default: 0] <= mostDisks
        && shown.count <= mostMachines
    }
    guard !rows.isEmpty else { return nil }
    func number(_ row: QueryRow, _ name: String, _ unit: String) -> String {
      row.number(name).map { Quantity.decimal($0, digits: 1) + unit } ?? "?"
    }
    return .table(
      Table(
        caption: "Disks and partitions by /proc/diskstats, the busiest of each machine:",
        columns: [
          .text("machine", yielding: .init(least: 8, keepsBeginning: true)),
          .text("disk", yielding: .init(least: 8, keepsBeginning: true)), .number("reads"),
          .number("writes"), .number("await"), .number("busy"), .number("queue"),
        ],
        rows: rows.map { row in
          [
            Printable.text(row.text("machine") ?? ""), Printable.text(row.text("disk") ?? ""),
            row.integer("reads").map(Quantity.count) ?? "?",
            row.integer("writes").map(Quantity.count) ?? "?",
            number(row, "await_ms", " ms"), isImpossible(row) ? "?" : number(row, "busy_pct", " %"),
            number(row, "mean_queue", ""),
          ]
        }))
  }

  /// Whether a disk was busy longer than time passed: its dates or its counters are wrong.
  private static func isImpossible(_ row: QueryRow) -> Bool { row.number("busy_pct") ?? 0 > 100.1 }

  /// Over all CPUs of a machine.
  private static func waiting(_ rows: [QueryRow]) -> String? {
    let counts = rows.compactMap { $0.number("mean_waiting") }
    guard !counts.isEmpty else { return nil }
    return
      "\(Quantity.decimal(counts.reduce(0, +), digits: 1)) tasks waited for a CPU on average "
      + "(schedstat, \(counts.count) \(counts.count == 1 ? "CPU" : "CPUs"))"
  }

  /// The run queue and blocked tasks by vmstat; of memory only what is a sign that it was short.
  private static func memory(_ rows: [QueryRow]) -> [String] {
    rows.compactMap { row in
      guard let what = row.text("what") else { return nil }
      if row.text("source") == "vmstat" {
        guard let mean = row.number("mean"), let most = row.integer("most"),
          what.hasPrefix("r ") || what.hasPrefix("b ") || most > 0, !what.hasPrefix("wa ")
        else { return nil }
        return Printable.text(
          "\(what) \(Quantity.decimal(mean, digits: 1)) on average, \(Quantity.count(most)) at most"
        )
      }
      guard let total = row.integer("total"), total > 0, what != "pgmajfault" else { return nil }
      return Printable.text("\(what) \(Quantity.count(total))")
    }
  }
}
