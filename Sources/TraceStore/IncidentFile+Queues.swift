internal import GRDB
public import TraceModel

/// A row of `tail_share`.
public struct TailRow: Sendable {
  /// The guest disk's stretch.
  public var stream: Int32
  /// The operation, or `all`.
  public var op: String
  /// 50, 90, 99 or 99.9.
  public var percentile: Double
  /// The hop.
  public var hop: Hop
  /// I/Os around the percentile.
  public var ios: Int
  /// The hop's mean, ns.
  public var mean: Double
  /// Its part of Q to C, 0 to 1.
  public var share: Double

  /// A row.
  public init(
    stream: Int32, op: String, percentile: Double, hop: Hop, ios: Int, mean: Double,
    share: Double
  ) {
    self.stream = stream
    self.op = op
    self.percentile = percentile
    self.hop = hop
    self.ios = ios
    self.mean = mean
    self.share = share
  }
}

/// A row of `hop_without`.
public struct WhatIfRow: Sendable {
  /// The guest disk's stretch.
  public var stream: Int32
  /// The operation, or `all`.
  public var op: String
  /// The hop that is taken away.
  public var hop: Hop
  /// 50, 90, 99 or 99.9.
  public var percentile: Double
  /// As it is, ns.
  public var now: Int64
  /// Without the hop, ns.
  public var without: Int64

  /// A row.
  public init(
    stream: Int32, op: String, hop: Hop, percentile: Double, now: Int64, without: Int64
  ) {
    self.stream = stream
    self.op = op
    self.hop = hop
    self.percentile = percentile
    self.now = now
    self.without = without
  }
}

/// A row of `queue_interval`.
public struct QueueIntervalRow: Sendable {
  /// The device's stretch.
  public var stream: Int32
  /// The queue.
  public var hop: Hop
  /// Start, ns on the reference timeline.
  public var at: Int64
  /// Length, ns.
  public var length: Int64
  /// Entries.
  public var arrivals: Int
  /// Mean depth.
  public var mean: Double
  /// Largest depth.
  public var greatest: Int64
  /// The part of the depth that no pair accounts for.
  public var residual: Double?

  /// A row.
  public init(
    stream: Int32, hop: Hop, at: Int64, length: Int64, arrivals: Int, mean: Double,
    greatest: Int64, residual: Double?
  ) {
    self.stream = stream
    self.hop = hop
    self.at = at
    self.length = length
    self.arrivals = arrivals
    self.mean = mean
    self.greatest = greatest
    self.residual = residual
  }
}

/// A row of `device_stall`.
public struct QueueStallRow: Sendable {
  /// The device's stretch.
  public var stream: Int32
  /// The queue.
  public var hop: Hop
  /// Begin, ns on the reference timeline.
  public var at: Int64
  /// Length, ns.
  public var length: Int64
  /// Requests in it at its begin.
  public var held: Int
  /// Requests that entered meanwhile.
  public var joined: Int
  /// Whether the trace ended first.
  public var isOpen: Bool

  /// A row.
  public init(
    stream: Int32, hop: Hop, at: Int64, length: Int64, held: Int, joined: Int, isOpen: Bool
  ) {
    self.stream = stream
    self.hop = hop
    self.at = at
    self.length = length
    self.held = held
    self.joined = joined
    self.isOpen = isOpen
  }
}

extension IncidentFile {
  /// The devices that a machine's disks have by their names: what somebody wrote down, else what lists of disks say.
  public func listedDevices() throws -> [(machine: String, name: String, device: String)] {
    try fetch(
      """
      SELECT machine, name, device FROM given_device
      UNION ALL
      SELECT DISTINCT machine.name, disk_topology.name, disk_topology.device
      FROM disk_topology JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE disk_topology.device IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM given_device
        WHERE given_device.machine = machine.name AND given_device.name = disk_topology.name)
      """
    ) { try ($0[0], $0[1], $0[2]) }
  }
}

extension CorrelationWriter {
  /// Adds what a queue can hold.
  public func addLimit(stream: Int32, hop: Hop, limit: Int64) throws {
    try insert(
      into: "queue_limit", ["stream_id": stream, "hop": hop.name, "limit_depth": limit])
  }

  /// Adds a time in which nothing left a queue.
  public func add(_ row: QueueStallRow) throws {
    try insert(
      into: "device_stall",
      [
        "stream_id": row.stream, "hop": row.hop.name, "at_ns": row.at, "length_ns": row.length,
        "held": row.held, "joined": row.joined, "is_open": row.isOpen ? 1 : 0,
      ])
  }

  /// Adds a hop's part of a percentile.
  public func add(_ row: TailRow) throws {
    try insert(
      into: "tail_share",
      [
        "guest_stream_id": row.stream, "op": row.op, "percentile": row.percentile,
        "hop": row.hop.name, "ios": row.ios, "mean_ns": row.mean, "share": row.share,
      ])
  }

  /// Adds a percentile without a hop.
  public func add(_ row: WhatIfRow) throws {
    try insert(
      into: "hop_without",
      [
        "guest_stream_id": row.stream, "op": row.op, "hop": row.hop.name,
        "percentile": row.percentile, "now_ns": row.now, "without_ns": row.without,
      ])
  }

  /// Adds a stretch of a queue's time.
  public func add(_ row: QueueIntervalRow) throws {
    try insert(
      into: "queue_interval",
      [
        "stream_id": row.stream, "hop": row.hop.name, "at_ns": row.at, "interval_ns": row.length,
        "arrivals": row.arrivals, "mean_depth": row.mean, "max_depth": row.greatest,
        "little_residual": row.residual,
      ])
  }
}
