internal import GRDB
public import TraceModel

/// A row of `hop_summary`.
public struct HopSummaryRow: Sendable {
  /// The operation, or `all`.
  public let op: String
  /// The hop.
  public let hop: Hop
  /// Its numbers.
  public let statistics: LatencyStatistics
}

/// A cell of a heat map: how many I/Os began in a column of time and took a row of time.
public struct HeatCell: Sendable {
  /// The column, from 0.
  public let column: Int
  /// The row, from 0: the last one is open at the top.
  public let row: Int
  /// How many I/Os.
  public let count: Int

  /// A cell.
  public init(column: Int, row: Int, count: Int) {
    (self.column, self.row, self.count) = (column, row, count)
  }
}

/// A point of `queue_depth`.
public struct QueuePoint: Sendable {
  /// The machine.
  public let machine: String
  /// The device.
  public let device: String
  /// The queue.
  public let hop: Hop
  /// Start of the interval, ns on the reference timeline.
  public let at: Int64
  /// Its length, ns.
  public let length: Int64
  /// Entries in it.
  public let arrivals: Int
  /// Mean depth.
  public let mean: Double
  /// Largest depth.
  public let greatest: Int64
  /// What the queue can hold.
  public let limit: Int64?
  /// The part of the depth that no pair accounts for.
  public let residual: Double?

  /// A point.
  public init(
    machine: String, device: String, hop: Hop, at: Int64, length: Int64, arrivals: Int,
    mean: Double, greatest: Int64, limit: Int64?, residual: Double?
  ) {
    self.machine = machine
    self.device = device
    self.hop = hop
    self.at = at
    self.length = length
    self.arrivals = arrivals
    self.mean = mean
    self.greatest = greatest
    self.limit = limit
    self.residual = residual
  }
}

/// A second of `steal`.
public struct StealPoint: Sendable {
  /// The guest.
  public let guest: String
  /// The second, ns on the reference timeline.
  public let at: Int64
  /// What the guest reported, percent of its vCPUs.
  public let reported: Double?
  /// What its vCPUs' threads waited, percent of the same.
  public let measured: Double?
}

extension IncidentFile {
  private static let ofDisk = """
    (?1 IS NULL OR guest = ?1) AND (?2 IS NULL OR device = ?2)
    AND (?3 IS NULL OR op = ?3)
    """

  private func ofDisk<Value>(
    _ columns: String, _ view: String, _ filter: IOFilter, _ value: (Row) throws -> Value
  ) throws -> [Value] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db, sql: "SELECT \(columns) FROM \(view) WHERE \(Self.ofDisk)",
          arguments: [filter.guest, filter.device, filter.op]
        ).map(value)
      }
    }
  }

  /// The distributions of a disk's hops over all its I/Os.
  public func storedHops(_ filter: IOFilter) throws -> [HopSummaryRow] {
    try ofDisk("*", "hop_summary", filter) { row in
      try HopSummaryRow(
        op: row["op"], hop: row.word("hop"),
        statistics: LatencyStatistics(
          count: row["count"], mean: row["mean_ns"], p50: row["p50_ns"], p90: row["p90_ns"],
          p99: row["p99_ns"], p999: row["p999_ns"], max: row["max_ns"],
          shareOfTotal: row["share_of_total"]))
    }
  }

  /// What the I/Os around a disk's percentiles spent where.
  public func storedTail(_ filter: IOFilter) throws -> [TailRow] {
    try ofDisk("*", "tail", filter) { row in
      try TailRow(
        stream: 0, op: row["op"], percentile: row["percentile"], hop: row.word("hop"),
        ios: row["ios"], mean: row["mean_ns"], share: row["share"])
    }
  }

  /// A disk's percentiles without a hop.
  public func storedWhatIf(_ filter: IOFilter) throws -> [WhatIfRow] {
    try ofDisk("*", "what_if", filter) { row in
      try WhatIfRow(
        stream: 0, op: row["op"], hop: row.word("hop"), percentile: row["percentile"],
        now: row["now_ns"], without: row["without_ns"])
    }
  }

  /// First and last begin of the I/Os of a selection on the reference timeline, ns.
  public func span(_ filter: IOFilter) throws -> ClosedRange<Int64>? {
    let (condition, arguments) = filter.condition
    let queued = "coalesce(reference_ns, queued_at_ns)"
    let ends =
      filter.isOfAllTime
      ? "min(from_ns) AS from_ns, max(to_ns) AS to_ns FROM io_count"
      : "min(\(queued)) AS from_ns, max(\(queued)) AS to_ns FROM io"
    return try translating {
      try queue.read { db in
        let row = try Row.fetchOne(
          db,
          sql: """
            SELECT \(ends) WHERE \(condition)
            """,
          arguments: arguments)
        guard let row, let from: Int64 = try row[0], let to: Int64 = try row[1] else { return nil }
        return from...to
      }
    }
  }

  /// How many I/Os with data fall into which cell of time (columns of `width` ns from `start` on) and of the length of
  /// each hop (rows between `edges`, ns); a hop that none of them has is left out.
  public func heat(
    _ hops: [Hop], _ filter: IOFilter, start: Int64, width: Int64, edges: [Int64]
  ) throws -> [Hop: [HeatCell]] {
    struct Place: Hashable, Comparable {
      let column: Int
      let row: Int

      static func < (a: Place, b: Place) -> Bool { (a.column, a.row) < (b.column, b.row) }
    }
    var counts = hops.map { _ in [Place: Int]() }
    try forEachIO(filter) { io in
      guard io.operation != .flush, let moment = io.moment else { return }
      let column = Int((moment - start) / width)
      for (number, hop) in hops.enumerated() {
        guard let time = io.times[hop].nanoseconds else { continue }
        let row = edges.partitioningIndex { $0 > time }
        counts[number][Place(column: column, row: row), default: 0] += 1
      }
    }
    let found = zip(hops, counts).filter { !$1.isEmpty }.map { hop, cells in
      (
        hop,
        cells.sorted { $0.key < $1.key }.map {
          HeatCell(column: $0.key.column, row: $0.key.row, count: $0.value)
        }
      )
    }
    return Dictionary(uniqueKeysWithValues: found)
  }

  /// The depth of queues over time; of one guest's disk and the device below it, when one is given.
  public func queueDepths() throws -> [QueuePoint] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db, sql: "SELECT * FROM queue_depth ORDER BY machine, device, hop, at_ns"
        ).map { row in
          try QueuePoint(
            machine: row["machine"], device: row["device"], hop: row.word("hop"), at: row["at_ns"],
            length: row["interval_ns"], arrivals: row["arrivals"], mean: row["mean_depth"],
            greatest: row["max_depth"], limit: row["limit_depth"],
            residual: row["little_residual"])
        }
      }
    }
  }

  /// Steal second by second.
  public func stealSeconds(guest: String?) throws -> [StealPoint] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT guest, at_ns, guest_reported_pct, host_measured_pct FROM steal
            WHERE at_ns IS NOT NULL AND (?1 IS NULL OR guest = ?1) ORDER BY guest, at_ns
            """,
          arguments: [guest]
        ).map { try StealPoint(guest: $0[0], at: $0[1], reported: $0[2], measured: $0[3]) }
      }
    }
  }
}
