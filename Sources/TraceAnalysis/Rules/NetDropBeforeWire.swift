internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Packets were lost before they left the machine.
  static let netDropBeforeWire = Finding.Code("NET_DROP_BEFORE_WIRE")
}

/// Packets were lost in a queue of the guest or its host: before the wire, so the network is not to blame.
struct NetDropBeforeWire: Rule {
  let code = Finding.Code.netDropBeforeWire
  let topic = Topic.network
  let about = Subject.cause(
    Suspect(
      .transport, "dropped packets",
      without: "counters of network interfaces",
      "SELECT 1 FROM net_path UNION ALL SELECT 1 FROM net_total UNION ALL "
        + EsxSeries.judged(.port)))
  let warning = Threshold(
    "net-drop", 0.1, "%", "packets lost where they are lost first, from which on it warns")
  let critical = Threshold(
    "net-drop-critical", 5, "%", "the same, from which on it is critical")
  var thresholds: [Threshold] { [warning, critical] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.network] }

  /// A guest that does not run takes no packets. Of a neighbour that was there throughout nobody sees what came of it.
  func follows(_: Finding) -> [Precursor] { [Precursor(.noisyCPUNeighbour, needsOnset: true)] }

  var judgesSelections: Set<Evidence.Kind>? { [.network] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let found = try losses(evidence) + allowances(evidence)
    // What was read once, and what nobody counted, is of no part of the capture.
    return evidence.window == nil
      ? try found + totals(evidence) + means(evidence) + blindSpots(evidence) : found
  }

  // MARK: Losses

  private func losses(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(
      """
      SELECT guest, machine, direction, point, object, position
      FROM net_path WHERE first_loss = 1 AND position <> 7
      ORDER BY guest IS NULL, guest, direction DESC, position, point
      """
    ).compactMap { row in
      guard let machine = row.text("machine"), let point = row.text("point"),
        let direction = row.text("direction"), let position = row.integer("position")
      else { return nil }
      let place = """
        FROM net_path
        WHERE machine = \(Evidence.literal(machine)) AND point = \(Evidence.literal(point))
          AND direction = \(Evidence.literal(direction))
        """
      // The readings between which a counter of drops grew, of that interface and way.
      let sql = """
        SELECT guest, machine, point, object, direction, drops, packets + drops AS offered,
          100 * drop_rate AS drop_pct, drops_per_s, counters, from_ns, to_ns,
          1e9 * drops / nullif(to_wall_ns - from_wall_ns, 0) AS window_drops_per_s,
          (to_wall_ns - from_wall_ns) / 1e9 AS window_s
        FROM (
          SELECT guest, machine, point, object, direction, drops, packets, drop_rate, drops_per_s, counters
          \(place))
        LEFT JOIN (
          SELECT min(at_ns - interval_ns) AS from_ns, max(at_ns) AS to_ns,
            min(wall_ns - interval_ns) AS from_wall_ns, max(wall_ns) AS to_wall_ns
          FROM \(evidence.from(.netCounter))
          WHERE machine = \(Evidence.literal(machine)) AND object IS \(row.text("object").map(Evidence.literal) ?? "NULL")
            AND tool IN ('ip', 'proc-net-dev') AND delta > 0 AND interval_ns > 0
            AND counter IN (\(Self.counters(numbers: try evidence.rows("SELECT counters \(place)").first)))
        )
        """
      guard let numbers = try evidence.rows(sql).first, let drops = numbers.integer("drops") else {
        return nil
      }
      return finding(
        row, numbers, sql: sql, machine: machine, point: point, direction: direction,
        position: position, drops: drops, evidence)
    }
  }

  private func finding(
    _ row: QueryRow, _ numbers: QueryRow, sql: String, machine: String, point: String,
    direction: String, position: Int64, drops: Int64, _ evidence: Evidence
  ) -> Finding {
    let guest = row.text("guest")
    let share = numbers.number("drop_pct")
    let isUnsure = Self.mayBeUnwanted(row, numbers)
    var severity: Finding.Severity
    if let share {
      severity =
        share >= evidence.value(of: critical)
        ? .critical : share >= evidence.value(of: warning) ? .warning : .info
    } else {
      severity = .info
    }
    let way = Self.way(direction)
    // The hardware keeps a packet for a while: no buffer is no loss yet.
    let counters = numbers.text("counters") ?? ""
    if counters.contains("no_buffer"), !counters.contains("posted"), !counters.contains(" + ") {
      return Finding(
        code, .info, guest: guest,
        sentence: Printable.text(
          "\(point) of \(machine) had no buffer for a packet \(Quantity.count(drops, "time")) (\(counters))"
            + (numbers.number("drops_per_s").map {
              ", \(Quantity.decimal($0, digits: 1)) per second"
            } ?? "") + ". How many were lost by that is not counted."),
        confidence: .low,
        because: "The interface keeps packets in a buffer of its own as long as it has room.",
        evidenceSQL: evidence.proof(sql),
        nextStep: nextStep(position, row.text("object"), direction))
    }
    var sentence = "\(point) of \(machine) lost \(Quantity.count(drops))"
    if let offered = numbers.integer("offered"), let share {
      sentence +=
        " of \(Quantity.count(offered, "packet")) (\(Quantity.decimal(share, digits: 2)) %)"
    } else {
      sentence += " packets"
    }
    sentence += way
    if let rate = numbers.number("window_drops_per_s"), let window = numbers.number("window_s") {
      sentence +=
        " within \(Quantity.decimal(window, digits: 1)) s, \(Quantity.decimal(rate, digits: 1)) per second"
    } else if let rate = numbers.number("drops_per_s") {
      sentence += ", \(Quantity.decimal(rate, digits: 1)) per second"
    }
    let extent = Finding.Extent(from: numbers.integer("from_ns"), to: numbers.integer("to_ns"))
    let isFilter = Self.isFilter(counters)
    if isUnsure {
      // How many of them anybody missed is not known.
      if severity == .critical { severity = .warning }
      sentence +=
        ". It is the first point there that drops: for want of a buffer, or frames that nobody wanted."
    } else if isFilter {
      sentence += ". Filters or limits at the interface (tc) dropped them, not the network."
    } else {
      sentence +=
        ". It is the first point there that loses packets: a local queue, not the network."
    }
    return Finding(
      code, severity, guest: guest, sentence: Printable.text(sentence),
      confidence: guest == nil || isUnsure ? .medium : .high,
      because: because(
        numbers, isCommon: guest == nil, hasUnwanted: isUnsure || position == 9 && !isFilter),
      evidenceSQL: evidence.proof(sql),
      nextStep: isUnsure
        ? Self.tellApart(row.text("object"))
        : isFilter
          ? Self.showFilters(row.text("object"))
          : nextStep(position, row.text("object"), direction),
      extent: extent)
  }

  /// What the kernel calls the counters of an interface that a point adds up: `'rx_dropped', 'rx_drop'` for `rx dropped`.
  private static func counters(numbers: QueryRow?) -> String {
    let names = (numbers?.text("counters") ?? "").split(separator: " + ").map(String.init).flatMap {
      name -> [String] in
      let own = name.replacing(" ", with: "_")
      return own.hasSuffix("dropped") ? [own, String(own.dropLast(3))] : [own]
    }
    return names.map(Evidence.literal).joined(separator: ", ")
  }

  /// Whether what a guest's interface dropped may be frames that nobody took: the kernel's count of it has those, and
  /// only the driver's counts of its queues have none.
  private static func mayBeUnwanted(_ row: QueryRow, _ numbers: QueryRow) -> Bool {
    row.integer("position") == 3 && row.text("direction") == "to_guest"
      && numbers.text("counters") == "rx dropped"
  }

  /// Whether the counts are of what tc dropped on purpose.
  private static func isFilter(_ counters: String) -> Bool {
    ["ingress dropped", "clsact dropped"].contains(counters)
  }

  private static func tellApart(_ object: String?) -> String {
    "rx_dropped counts packets without a buffer and frames that nobody wanted (STP, LLDP, unknown protocols) alike: "
      + "ethtool -S \(interface(object)), read twice, shows the drops of the queues alone."
  }

  private static func showFilters(_ object: String?) -> String {
    "See which filter dropped them: tc -s filter show dev \(interface(object)) ingress."
  }

  /// The interface as a command takes it: `eth0` of `eth0 (web2)`; that of an unnamed table is not known.
  private static func interface(_ object: String?) -> String {
    guard let name = object?.split(separator: " ").first, !name.hasPrefix("#"),
      !name.hasPrefix("(")
    else { return "IFACE" }
    return Printable.text(String(name))
  }

  private func because(_ numbers: QueryRow, isCommon: Bool, hasUnwanted: Bool) -> String {
    let counter = Printable.text(
      "The kernel counted them (\(numbers.text("counters") ?? "")), last count minus first")
    switch (isCommon, hasUnwanted) {
    case (false, false): return counter + "."
    case (false, true):
      return counter + "; the count may have frames in it that nobody wanted (STP, LLDP)."
    case (true, false): return counter + "; it is not known whose packets these were."
    case (true, true):
      return counter
        + "; the count has frames in it that nobody wanted, and it is not known whose packets these were."
    }
  }

  private func nextStep(_ position: Int64, _ object: String?, _ direction: String) -> String {
    let name = Self.interface(object)
    return switch position {
    case 1, 6:
      "A CPU's backlog was full: spread the load (RPS, more queues), or raise "
        + "net.core.netdev_max_backlog and netdev_budget."
    case 2, 5, 8:
      "The sender is faster than what is below: see what that waited for; else a longer qdisc "
        + "(tc qdisc replace dev \(name) root fq_codel limit 20000)."
    case 3 where direction == "from_guest":
      "The transmit ring was full: see whether vhost or QEMU waited for a CPU of the host; else a larger "
        + "ring (tx_queue_size=1024) and more queues."
    case 3:
      "The guest had no buffer for them: see its free memory and what its vCPUs waited for; "
        + "ethtool -G \(name) rx 1024."
    case 4 where direction == "to_guest":
      "The guest, or what serves it, took packets too slowly: see what its vCPUs and vhost threads waited "
        + "for. A longer queue bridges bursts only: ip link set \(name) txqueuelen 10000, "
        + "rx_queue_size=1024, more queues, vhost=on."
    case 4:
      "The host had no room for what the guest sent: see the backlogs of its CPUs "
        + "(/proc/net/softnet_stat) and what is above \(name)."
    default:
      "A larger ring (ethtool -G \(name) rx 4096 tx 4096), interrupts on more CPUs."
    }
  }

  // MARK: What a provider withheld

  /// ENA's counts of packets that a limit of the instance held up.
  private func allowances(_ evidence: Evidence) throws -> [Finding] {
    let sql = """
      SELECT machine, layer, object, counter, sum(delta) AS grown, max(value) AS value,
        sum(CASE WHEN delta IS NOT NULL THEN interval_ns END) AS span_ns
      FROM \(evidence.from(.netCounter))
      WHERE tool = 'ethtool' AND nature = 'total' AND counter LIKE '%\\_allowance\\_exceeded' ESCAPE '\\'
      GROUP BY machine, object, counter
      HAVING coalesce(grown, value) > 0 ORDER BY grown IS NULL, grown DESC, machine, object, counter
      """
    return try evidence.rows(sql).compactMap { row in
      guard let machine = row.text("machine"), let object = row.text("object"),
        let counter = row.text("counter"), let value = row.integer("value")
      else { return nil }
      let (limit, fate) = Self.limit(counter)
      let grown = row.integer("grown")
      let count =
        grown.map { "grew by \(Quantity.count($0))" }
        ?? "had reached \(Quantity.count(value)) since the interface came up"
      let time =
        grown == nil ? "" : row.integer("span_ns").map { " in \(Self.seconds($0))" } ?? ""
      return Finding(
        code, grown == nil ? .info : .warning,
        guest: row.text("layer") == "guest" ? machine : nil,
        sentence: Printable.text(
          "\(counter) of \(object) on \(machine) \(count)\(time): the provider \(fate), because "
            + "\(limit) was exceeded"
            + (grown == nil ? ". It was read once, so when is not known." : ".")),
        confidence: grown == nil ? .low : .medium,
        because:
          "The driver shows the provider's own count"
          + (fate.contains("queued")
            ? ". How many were lost and how many only delayed is not counted." : "."),
        evidenceSQL: sql,
        nextStep:
          "Spread the load over more or larger instances, or smooth its bursts; queues inside the guest do "
          + "not help.")
    }
  }

  /// The limit by the counter's name, and what happened to the packets.
  private static func limit(_ counter: String) -> (limit: String, fate: String) {
    let queued = "queued or dropped that many packets"
    let dropped = "dropped that many packets"
    if counter.contains("bw_in") { return ("the instance's bandwidth inward", queued) }
    if counter.contains("bw_out") { return ("the instance's bandwidth outward", queued) }
    if counter.contains("pps") { return ("the instance's number of packets per second", queued) }
    if counter.contains("conntrack") {
      return ("the instance's number of tracked connections", dropped)
    }
    if counter.contains("linklocal") {
      return ("the number of packets to the provider's local services", dropped)
    }
    return ("a limit of the instance", queued)
  }

  private static func seconds(_ time: Int64) -> String {
    Quantity.decimal(Double(time) / 1e9, digits: time % 1_000_000_000 == 0 ? 0 : 1) + " s"
  }

  // MARK: What was read once

  /// The maximum that are listed.
  private static let mostTotals = 4

  /// Losses that a counter shows which was read but once: all since the interface came up.
  private func totals(_ evidence: Evidence) throws -> [Finding] {
    let sql = """
      SELECT guest, machine, point, object, position, direction, packets, drops, packets + drops AS offered,
        100 * drop_rate AS drop_pct, counters
      FROM net_total WHERE drops > 0 AND position <> 7
      ORDER BY drop_pct DESC, drops DESC, machine, point, direction
      """
    return try evidence.rows(sql).filter {
      ($0.number("drop_pct") ?? 100) >= evidence.value(of: warning)
    }.prefix(Self.mostTotals).compactMap { row in
      guard let machine = row.text("machine"), let point = row.text("point"),
        let drops = row.integer("drops"), let position = row.integer("position"),
        let direction = row.text("direction")
      else { return nil }
      var sentence = "\(point) of \(machine) lost \(Quantity.count(drops))"
      if let offered = row.integer("offered"), let share = row.number("drop_pct") {
        sentence +=
          " of \(Quantity.count(offered, "packet")) (\(Quantity.decimal(share, digits: share < 1 ? 2 : 1)) %)"
      } else {
        sentence += " packets"
      }
      sentence += Self.way(direction)
      return Finding(
        code, .info, guest: row.text("guest"),
        sentence: Printable.text(
          sentence
            + " since \([1, 6].contains(position) ? "the machine was started" : "the interface came up"). "
            + "The counter was read once, so when is not known."),
        confidence: .low,
        because: Printable.text(
          "The kernel counted them (\(row.text("counters") ?? "")), but it may all be long ago."),
        evidenceSQL: sql,
        nextStep:
          "Read it again while the load runs: what it grows by is lost now. "
          + (Self.mayBeUnwanted(row, row)
            ? Self.tellApart(row.text("object"))
            : Self.isFilter(row.text("counters") ?? "")
              ? Self.showFilters(row.text("object"))
              : nextStep(position, row.text("object"), direction)))
    }
  }

  private static func way(_ direction: String) -> String {
    switch direction {
    case "to_guest": " on the way to the guest"
    case "from_guest": " on the way out"
    default: ""
    }
  }

  // MARK: What nobody counted

  private func blindSpots(_ evidence: Evidence) throws -> [Finding] {
    let guests = try evidence.rows("SELECT DISTINCT machine FROM source WHERE layer = 'guest'")
      .compactMap { $0.text("machine") }.sorted()
    let sql = """
      SELECT guest, machine, point, position, drops, 0 AS once FROM net_path
      UNION ALL SELECT guest, machine, point, position, drops, 1 FROM net_total
      ORDER BY position, point
      """
    let points = try evidence.rows(sql)
    if points.isEmpty {
      if try !evidence.rows(EsxSeries.judged(.port) + " LIMIT 1").isEmpty { return [] }
      let counters = "SELECT DISTINCT machine, tool, object FROM net_counter"
      let isCounted = try !evidence.rows(counters).isEmpty
      return [
        open(
          nil,
          "Whether packets were lost is not known: "
            + (isCounted
              ? "the available counters do not show it." : "no file counts them."),
          isCounted ? counters : sql,
          "Record on the guest and on its host while the load runs: 'while sleep 1; do date "
            + "+%s.%N; ip -s -s link; tc -s qdisc; cat /proc/net/softnet_stat; done'.")
      ]
    }
    let taps = points.filter { $0.text("point")?.hasPrefix("tap ") ?? false }
    return guests.compactMap { guest in
      guard points.contains(where: { $0.text("guest") == guest }),
        !taps.contains(where: { $0.text("guest") == guest })
      else { return nil }
      return open(
        guest,
        "Packets lost before they reached the guest are not known: "
          + (taps.isEmpty
            ? "no file counts its tap on the host, and the guest cannot see it."
            : "nothing says which tap of the host is its."),
        sql,
        taps.isEmpty
          ? "Record on the host: while sleep 1; do date +%s.%N; ip -s -s link; tc -s qdisc; done"
          : "Add QEMU's command line: tr '\\0' ' ' < /proc/$PID/cmdline > host/qemu-cmdline.txt")
    }
  }

  private func open(
    _ guest: String?, _ sentence: String, _ sql: String, _ next: String
  ) -> Finding {
    Finding(
      code, .info, guest: guest, sentence: sentence, confidence: .none,
      because: "The counters are missing.", evidenceSQL: sql, nextStep: next)
  }
}
