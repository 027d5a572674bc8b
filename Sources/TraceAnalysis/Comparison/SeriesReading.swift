internal import TraceModel
internal import TraceStore

/// Reads out of one recording what is measured interval by interval, under the names that the pairing gives.
struct SeriesReading {
  private let recording: Recording
  private var file: IncidentFile { recording.file }
  private let run: Int
  private let pairing: MachinePairing
  private(set) var series: [MeasuredSeries] = []
  /// What was measured at times that nothing ties to the timeline, so that it is in no window of it.
  private(set) var unplaced: Set<String> = []

  private static let second: Int64 = 1_000_000_000

  init(_ recording: Recording, run: Int, pairing: MachinePairing) throws {
    self.recording = recording
    self.run = run
    self.pairing = pairing
    try readSteal()
    try readThreads()
    try readDrops()
    try readDepths()
  }

  /// Adds what was measured at moments of the timeline.
  private mutating func add(placed points: [MeasuredSeries.Point], _ key: MeasuredSeries.Key) {
    add(key, points.filter { recording.holds($0.at, $0.at + $0.length) })
  }

  private mutating func add(_ key: MeasuredSeries.Key, _ points: [MeasuredSeries.Point]) {
    guard !points.isEmpty, recording.isAbout(key.guest) else { return }
    var key = key
    key.guest = key.guest.map(pairing.machine)
    series.append(
      MeasuredSeries(key: key, run: run, points: points.sorted { $0.at < $1.at }))
  }

  /// Whether a row can be looked at: a window has only what lies on its timeline.
  private mutating func isPlaced(_ row: QueryRow, _ what: String) -> Bool {
    if recording.window == nil || row.integer("is_placed") == 1 { return true }
    unplaced.insert(what)
    return false
  }

  // MARK: Steal

  /// What the guests themselves say.
  private mutating func readSteal() throws {
    var points: [String: [MeasuredSeries.Point]] = [:]
    for row in try file.rows(
      """
      SELECT guest, coalesce(at_ns, wall_ns) AS at, at_ns IS NOT NULL AS is_placed, guest_reported_pct AS pct
      FROM steal WHERE guest_reported_pct IS NOT NULL ORDER BY guest, at
      """)
    where isPlaced(row, "steal of \(row.text("guest") ?? "a guest")") {
      guard let guest = row.text("guest"), let at = row.integer("at"), let pct = row.number("pct")
      else { continue }
      points[guest, default: []].append(
        MeasuredSeries.Point(at: at, length: Self.second, amount: pct, base: 1))
    }
    for (guest, own) in points {
      add(placed: own, MeasuredSeries.Key(subject: .steal, guest: guest))
    }
  }

  // MARK: Threads of the host

  /// What each vCPU waited for, and where it ran, second by second of the host's scheduler trace.
  private mutating func readThreads() throws {
    try file.requirePossibleTimes()
    let threads = try file.rows(
      """
      SELECT thread_id, source_id, machine, guest, vcpu, tid FROM thread_wait
      WHERE role = 'vcpu' AND guest IS NOT NULL AND segment = 0 ORDER BY thread_id
      """)
    var spans: [Int64: (from: Int64, to: Int64)] = [:]
    for row in try file.rows(
      "SELECT source_id, first_ns, last_ns FROM source WHERE first_ns IS NOT NULL")
    {
      guard let source = row.integer("source_id"), let first = row.integer("first_ns"),
        let last = row.integer("last_ns")
      else { continue }
      spans[source] = (first, last)
    }
    let bySource = Dictionary(grouping: threads) { $0.integer("source_id") ?? -1 }
    for (source, own) in bySource.sorted(by: { $0.key < $1.key }) {
      guard var span = spans[source], let machine = own[0].text("machine") else { continue }
      if let window = recording.window {
        guard let clock = try file.storedClock(of: source) else {
          unplaced.insert("waits for a CPU and remote shares on \(machine)")
          continue
        }
        span.from = max(span.from, clock.own(window.lowerBound))
        span.to = min(span.to, clock.own(window.upperBound))
      }
      var seconds = VCPUSeconds(from: span.from, to: span.to)
      for row in own {
        guard let thread = row.integer("thread_id"), let guest = row.text("guest") else { continue }
        seconds.watch(
          thread, guest: guest,
          name: row.integer("vcpu").map { "vcpu \($0)" } ?? "thread \(row.integer("tid") ?? 0)")
      }
      seconds.nodes = try file.cpuNodes(of: machine)
      seconds.memory = try memory(of: machine)
      try file.forEachSlice(of: source) { seconds.add($0) }
      for (key, points) in seconds.waits {
        add(
          MeasuredSeries.Key(subject: .cpuWait, guest: key.guest, object: key.name), points)
      }
      for (guest, points) in seconds.remoteShares {
        add(MeasuredSeries.Key(subject: .remoteShare, guest: guest), points)
      }
    }
  }

  /// The part of each guest's memory on each node of a host.
  private func memory(of machine: String) throws -> [String: [Int64: Double]] {
    var shares: [String: [Int64: Double]] = [:]
    for row in try file.rows(
      """
      SELECT guest, node, memory_share FROM numa_placement
      WHERE memory_share IS NOT NULL AND machine = \(Evidence.literal(machine))
      """)
    {
      guard let guest = row.text("guest"), let node = row.integer("node"),
        let share = row.number("memory_share")
      else { continue }
      shares[guest, default: [:]][node] = share
    }
    return shares
  }

  // MARK: Network

  /// Lost packets of each interface by the kernel's own counters. `/proc/net/dev` is asked where `ip` was not:
  /// both print the same counters.
  private mutating func readDrops() throws {
    struct Counter: Hashable {
      let machine: String
      let name: String
    }
    var tools: [Counter: [String: [Int64: MeasuredSeries.Point]]] = [:]
    for row in try file.rows(Self.drops(isOnTimeline: recording.window != nil))
    where isPlaced(row, "packets lost on \(row.text("machine") ?? "a machine")") {
      guard let machine = row.text("machine"), let tool = row.text("tool"),
        let object = row.text("object"), let counter = row.text("counter"),
        let at = row.integer("at"), let interval = row.integer("interval_ns"), interval > 0,
        let delta = row.number("delta")
      else { continue }
      // Counters of queues and CPUs are added up.
      let name =
        tool == "softnet"
        ? "softnet dropped"
        : "\(object.split(separator: " ").first ?? "") "
          + (tool == "tc" ? "qdisc dropped" : tool == "ethtool" ? "\(tool) \(counter)" : counter)
      let key = Counter(machine: machine, name: name)
      var point =
        tools[key]?[tool]?[at]
        ?? MeasuredSeries.Point(
          at: at - interval, length: interval, amount: 0, base: Double(interval) / 1e9)
      point.amount += delta
      tools[key, default: [:]][tool, default: [:]][at] = point
    }
    let owners = try owners()
    for (key, byTool) in tools {
      guard
        let points = byTool.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) })?.value
      else { continue }
      let interface = String(key.name.prefix { $0 != " " })
      add(
        placed: Array(points.values),
        MeasuredSeries.Key(
          subject: .drops, guest: owners["\(key.machine) \(interface)"],
          object: "\(pairing.machine(key.machine)) \(key.name)"))
    }
  }

  private static func drops(isOnTimeline: Bool) -> String {
    """
    SELECT machine, tool, object, counter, \(isOnTimeline ? "at_ns" : "wall_ns") AS at, interval_ns, delta,
      at_ns IS NOT NULL AS is_placed
    FROM net_counter
    WHERE delta IS NOT NULL AND interval_ns IS NOT NULL AND (
      tool IN ('ip', 'proc-net-dev') AND counter IN ('rx_dropped', 'tx_dropped', 'rx_drop', 'tx_drop')
      OR tool = 'tc' AND counter = 'dropped' AND object LIKE '% root %'
      OR tool = 'ethtool' AND counter IN (
        'drops', 'rx_drops', 'tx_drops', 'rx_dropped', 'tx_dropped', 'rx_missed_errors', 'rx_out_of_buffer')
      OR tool = 'softnet' AND counter = 'dropped')
    """
  }

  /// Whose an interface is.
  private func owners() throws -> [String: String] {
    var owners: [String: String] = [:]
    for row in try file.rows(
      "SELECT DISTINCT machine, object, guest FROM net_path WHERE guest IS NOT NULL AND object IS NOT NULL"
    ) {
      guard let machine = row.text("machine"), let object = row.text("object") else { continue }
      owners["\(machine) \(object)"] = row.text("guest")
    }
    return owners
  }

  // MARK: Queues

  /// The depth of the queues that guests' followed disks pass through.
  private mutating func readDepths() throws {
    var points: [MeasuredSeries.Key: [MeasuredSeries.Point]] = [:]
    for row in try file.rows(Self.depths) {
      guard let machine = row.text("machine"), let device = row.text("device"),
        let hop = row.text("hop"), let at = row.integer("at_ns"),
        let length = row.integer("interval_ns"), length > 0, let depth = row.number("mean_depth")
      else { continue }
      let isGuest = row.integer("is_guest") == 1
      let named = pairing.device(machine, device)
      let key = MeasuredSeries.Key(
        subject: .queueDepth, guest: isGuest ? machine : nil, device: named.device,
        object: isGuest ? hop : "\(named.machine) \(hop)")
      let seconds = Double(length) / 1e9
      points[key, default: []].append(
        MeasuredSeries.Point(at: at, length: length, amount: depth * seconds, base: seconds))
    }
    for (key, own) in points { add(placed: own, key) }
  }

  private static let depths = """
    SELECT machine, device, hop, at_ns, interval_ns, mean_depth,
      EXISTS (
        SELECT 1 FROM device_map WHERE guest = machine AND guest_device = device) AS is_guest
    FROM queue_depth
    WHERE EXISTS (
      SELECT 1 FROM device_map
      WHERE guest = machine AND guest_device = device OR host = machine AND host_device = device)
    ORDER BY machine, device, hop, at_ns
    """
}
