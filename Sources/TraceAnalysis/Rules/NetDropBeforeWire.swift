internal import TraceModel
internal import TraceStore

/// Packets were lost in a queue of the guest or its host: before the wire, so the network is not to blame.
struct NetDropBeforeWire: Rule {
  let code = Finding.Code.netDropBeforeWire
  private let warning = Threshold(
    "net-drop", 0.1, "%", "packets lost where they are lost first, from which on it warns")
  private let critical = Threshold(
    "net-drop-critical", 5, "%", "the same, from which on it is critical")
  var thresholds: [Threshold] { [warning, critical] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try losses(evidence) + blindSpots(evidence)
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
      let sql = """
        SELECT guest, machine, point, object, direction, drops, packets + drops AS offered,
          100 * drop_rate AS drop_pct, drops_per_s, counters
        \(place)
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
    let severity: Finding.Severity
    if let share {
      severity =
        share >= evidence.value(of: critical)
        ? .critical : share >= evidence.value(of: warning) ? .warning : .info
    } else {
      severity = .info
    }
    let way =
      switch direction {
      case "to_guest": " on the way to the guest"
      case "from_guest": " on the way out"
      default: ""
      }
    var sentence = "\(point) of \(machine) lost \(Quantity.count(drops))"
    if let offered = numbers.integer("offered"), let share {
      sentence +=
        " of \(Quantity.count(offered)) packets (\(Quantity.decimal(share, digits: 2)) %)"
    } else {
      sentence += " packets"
    }
    sentence += way
    if let rate = numbers.number("drops_per_s") {
      sentence += ", \(Quantity.decimal(rate, digits: 1)) per second"
    }
    sentence += "; it is the first point there that loses, a local queue, not the network."
    return Finding(
      code, severity, guest: guest, sentence: Printable.text(sentence),
      confidence: guest == nil ? .medium : .high,
      because: because(numbers, isCommon: guest == nil, position: position),
      evidenceSQL: sql, nextStep: nextStep(position, row.text("object"), direction))
  }

  private func because(_ numbers: QueryRow, isCommon: Bool, position: Int64) -> String {
    let counter = Printable.text(
      "The kernel counted them (\(numbers.text("counters") ?? "")), last count minus first")
    guard isCommon else { return counter + "." }
    return counter
      + (position == 9
        ? "; the count has frames in it that nobody wanted, and it is not known whose packets these were."
        : "; it is not known whose packets these were.")
  }

  private func nextStep(_ position: Int64, _ object: String?, _ direction: String) -> String {
    let name = Printable.text(object ?? "IFACE")
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

  // MARK: What nobody counted

  private func blindSpots(_ evidence: Evidence) throws -> [Finding] {
    let guests = try evidence.rows("SELECT DISTINCT machine FROM source WHERE layer = 'guest'")
      .compactMap { $0.text("machine") }.sorted()
    let sql = "SELECT guest, machine, point FROM net_path ORDER BY position, point"
    let points = try evidence.rows(sql)
    if points.isEmpty {
      return [
        open(
          nil, "Whether packets were lost is not known: no file counts them.", sql,
          "Record on the guest and on its host, for the time of the load: while sleep 1; do date "
            + "+%s.%N; ip -s -s link; tc -s qdisc; cat /proc/net/softnet_stat; done")
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
