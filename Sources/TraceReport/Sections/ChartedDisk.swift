internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// The disk of a guest that a report draws over time, the operation, and the intervals of both.
struct ChartedDisk {
  let guest: GuestStory
  /// major,minor.
  let device: String
  /// `read`, `write` or `all`.
  let op: String
  /// Rows of `latency_interval`, in the order of time.
  let intervals: [QueryRow]
  /// How far the intervals are apart, s.
  let length: Double

  /// That of the largest change, else the busiest; nil where no I/O of the guest is known from Q to C.
  init?(_ file: IncidentFile, _ guest: GuestStory) throws {
    self.guest = guest
    let own = SQLText.literal(guest.guest)
    let phase = guest.largest
    let busiest = try file.rows(
      """
      SELECT device, op, sum(count) AS count FROM latency_interval WHERE guest = \(own)
      GROUP BY device, op ORDER BY count DESC, device, op
      """)
    let changed = phase?.devices.first.flatMap { device in
      busiest.contains { $0.text("device") == device } ? device : nil
    }
    guard let device = changed ?? busiest.first?.text("device") else { return nil }
    self.device = device
    // Of one operation alone it and all are the same.
    let ops = busiest.filter { $0.text("device") == device }
    let whole = ops.first { $0.text("op") == BlockOperation.together }?.integer("count")
    let only = ops.first {
      $0.text("op") != BlockOperation.together && $0.integer("count") == whole
    }?.text("op")
    let op = phase?.headline(guest.op)?.op ?? guest.op
    self.op = op == BlockOperation.together ? only ?? op : op
    intervals = try file.rows(
      """
      SELECT * FROM latency_interval WHERE guest = \(own) AND device = \(SQLText.literal(device))
        AND op = \(SQLText.literal(self.op)) ORDER BY at_ns
      """)
    guard let length = Self.length(intervals) else { return nil }
    self.length = length
  }

  /// `writes`.
  var word: String { op == BlockOperation.together ? "I/Os" : "\(op)s" }

  /// Where it lies: the host and its device; nil where that is not known.
  func place(_ file: IncidentFile) throws -> (machine: String, device: String)? {
    var filter = IOFilter()
    (filter.guest, filter.device) = (guest.guest, device)
    let joined = try file.disks(filter).first { $0.verdict == .joined }
    if let joined, let host = joined.host, let below = joined.hostDevice { return (host, below) }
    guard guest.isSeenByHost else { return nil }
    return try file.rows(
      """
      SELECT machine FROM device_interval
      WHERE device = \(SQLText.literal(device)) AND guest = \(SQLText.literal(guest.guest)) LIMIT 1
      """
    ).first?.text("machine").map { ($0, device) }
  }

  /// How far apart intervals are, s; of one alone its length.
  static func length(_ rows: [QueryRow]) -> Double? {
    let times = rows.compactMap { $0.integer("at_ns") }
    let apart = zip(times, times.dropFirst()).map { $1 - $0 }.filter { $0 > 0 }.min()
    return (apart ?? rows.first?.integer("interval_ns")).map { Double($0) / 1e9 }
  }
}

extension ChartedDisk {
  /// Packets that a point of the network path lost between two readings.
  struct Loss {
    /// `host tap0`.
    let point: String
    /// Of the two readings, ns on the guest's timeline.
    let from: Int64
    /// ns.
    let to: Int64
    let packets: Double
  }

  /// The losses of a guest's network path that have a place on its timeline: of tools that print the same counters those of the one
  /// that printed most. Empty where nothing is known to be lost.
  static func losses(_ file: IncidentFile, of guest: String) throws -> [Loss] {
    let owners = try file.rows(
      "SELECT DISTINCT machine, object, guest FROM net_path WHERE guest IS NOT NULL AND object IS NOT NULL"
    )
    var tools: [String: [String: [Loss]]] = [:]
    for row in try file.rows(
      """
      SELECT machine, tool, object, at_ns, interval_ns, sum(delta) AS delta FROM net_counter
      WHERE delta IS NOT NULL AND interval_ns > 0 AND at_ns IS NOT NULL AND (
        tool IN ('ip', 'proc-net-dev') AND counter IN ('rx_dropped', 'tx_dropped', 'rx_drop', 'tx_drop')
        OR tool = 'tc' AND counter = 'dropped' AND object LIKE '% root %'
        OR tool = 'softnet' AND counter = 'dropped')
      GROUP BY machine, tool, object, at_ns ORDER BY machine, tool, object, at_ns
      """)
    {
      guard let machine = row.text("machine"), let tool = row.text("tool"),
        let at = row.integer("at_ns"), let length = row.integer("interval_ns"),
        let packets = row.number("delta")
      else { continue }
      let object =
        row.text("object").flatMap { $0.split(separator: " ").first }.map(String.init) ?? ""
      let owner = owners.first {
        $0.text("machine") == machine && $0.text("object") == object
      }?.text("guest")
      guard owner == nil || owner == guest else { continue }
      let point = tool == "softnet" ? "\(machine) backlog" : "\(machine) \(object)"
      let kind = tool == "tc" ? "\(point) queue" : point
      tools[kind, default: [:]][tool, default: []].append(
        Loss(point: kind, from: at - length, to: at, packets: packets))
    }
    return tools.sorted { $0.key < $1.key }.flatMap { _, byTool -> [Loss] in
      let most = byTool.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.value ?? []
      return most.contains { $0.packets > 0 } ? most : []
    }
  }
}
