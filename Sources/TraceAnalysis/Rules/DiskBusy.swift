internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A disk's counters show that it was busy.
  static let diskBusy = Finding.Code("DISK_BUSY")
}

/// For some time requests of a disk took much longer than usual, or it was hardly ever idle, by its counters. Where a block
/// trace of the machine is there, that says it better.
struct DiskBusy: Rule {
  let code = Finding.Code.diskBusy
  let topic = Topic.layers
  let about = Subject.cause(
    Suspect(
      .device, "a busy disk",
      without: "the counters of disks over time",
      "SELECT 1 FROM disk_counter UNION ALL " + EsxSeries.judged(.disk)))
  private let longer = Threshold(
    "disk-await", 2, "",
    "how many times as long as usual a disk's requests take, from which on it is busy")
  private let used = Threshold(
    "disk-used", 90, "%", "time in which a disk has requests, from which on it is busy")
  var thresholds: [Threshold] { [longer, used] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    var found: [Finding] = []
    for machine in try CounterStretch.machines(evidence, without: "stage") {
      let rows = CounterStretch.series(
        try evidence.rows(
          "SELECT * FROM disk_counter WHERE machine = \(Evidence.literal(machine.name)) "
            + "ORDER BY object, wall_ns, source_id, line"))
      // What the kernel counted is better than what a tool printed of it.
      let tools = Set(rows.compactMap { $0.text("tool") })
      guard
        let tool = ["proc-diskstats", "iostat", "sar", "domstats", "query-blockstats", "biosnoop"]
          .first(
            where: tools.contains)
      else {
        continue
      }
      let own = rows.filter { $0.text("tool") == tool }
      var best: (growth: Double, finding: Finding)?
      for (object, readings) in Dictionary(grouping: own, by: { $0.text("object") ?? "" }).sorted(
        by: { $0.key < $1.key })
      {
        let series = readings.map {
          CounterStretch.Reading($0, ["requests_per_s", "await_ms", "depth", "used_pct"])
        }
        guard let busy = busy(series, evidence),
          let finding = try finding(
            busy, evidence, machine, object, tool: tool,
            isUTC: readings.allSatisfy { $0.integer("utc_offset_s") != nil })
        else { continue }
        // Of a disk and what lies on it, what holds most.
        let growth =
          (busy.mean("depth", within: true) ?? 0) - (busy.mean("depth", within: false) ?? 0)
        if growth > best?.growth ?? -.infinity { best = (growth, finding) }
      }
      if let best { found.append(best.finding) }
    }
    return found
  }

  private func busy(
    _ readings: [CounterStretch.Reading], _ evidence: Evidence
  ) -> CounterStretch? {
    // What is usual: a quarter took no longer.
    let times = readings.compactMap { reading in
      reading["requests_per_s"] ?? 0 > 1 ? reading["await_ms"] : nil
    }.sorted()
    guard !times.isEmpty else { return nil }
    let usual = times[times.count / 4]
    let limit = evidence.value(of: used)
    let factor = evidence.value(of: longer)
    let stretch = CounterStretch(readings) { reading in
      let isLong =
        (reading["await_ms"] ?? 0) >= max(factor * usual, usual + 1)
        && (reading["depth"] ?? 1) >= 0.5
      return isLong || (reading["used_pct"] ?? 0) >= limit && (reading["depth"] ?? 1) >= 0.9
    }
    guard let stretch else { return nil }
    func differs(_ name: String, _ test: (Double, Double) -> Bool) -> Bool {
      guard let own = stretch.mean(name, within: true),
        let other = stretch.mean(name, within: false)
      else { return false }
      return test(own, other)
    }
    let isSlower = differs("await_ms") { $0 >= factor * $1 && $0 >= $1 + 1 }
    let isFuller = differs("used_pct") { $0 >= limit && $1 <= limit - 30 }
    // A disk that does more, as fast as before, did not become slower.
    let isFaster = differs("await_ms") { $0 < $1 }
    return isSlower || isFuller && !isFaster ? stretch : nil
  }

  private func finding(
    _ busy: CounterStretch, _ evidence: Evidence, _ machine: CounterStretch.Machine,
    _ object: String, tool: String, isUTC: Bool
  ) throws -> Finding? {
    let isGuest = machine.isGuest
    let own = "machine = \(Evidence.literal(machine.name)) AND tool = \(Evidence.literal(tool))"
    let condition = busy.condition ?? "0"
    let sql = """
      SELECT object, \(condition) AS is_busy, count(*) AS readings, avg(used_pct) AS used_pct, avg(depth) AS depth,
        avg(await_ms) AS await_ms, avg(requests_per_s) AS requests_per_s
      FROM disk_counter WHERE \(own) GROUP BY object, is_busy ORDER BY object, is_busy
      """
    guard busy.condition != nil else { return nil }
    let name = Self.name(object)
    func number(_ value: Double, _ digits: Int) -> String {
      Quantity.decimal(value, digits: digits)
    }
    var parts: [String] = []
    let share = busy.mean("used_pct", within: true)
    // Requests may take long of a disk that is idle most of the time.
    let word = share.map { $0 >= evidence.value(of: used) } == true ? "busy" : "slow"
    if let used = share {
      // Ticks and interval are read at different moments: a disk that is never idle may come out a little above all of it.
      parts.append(
        used >= 99.5
          ? "it had requests all the time" : "it had requests for \(number(used, 1)) % of the time")
    }
    if let depth = busy.mean("depth", within: true) {
      parts.append("\(number(depth, 1)) at once on average")
    }
    var sentence =
      "\(isGuest ? "Disk" : "\(machine.name): disk") \(name) was \(word) \(busy.words(isUTC: isUTC))"
      + (parts.isEmpty ? "." : ": \(parts.joined(separator: ", ")).")
    if let own = busy.mean("await_ms", within: true) {
      sentence += " A request took \(number(own, 1)) ms"
      sentence +=
        busy.mean("await_ms", within: false).map { ", otherwise \(number($0, 1)) ms." } ?? "."
    }
    if let part = try most(evidence, own, condition) { sentence += part }
    var because =
      "Counters are means over intervals. They tell which disk or partition did more, and not whose requests these were."
    if let user = try busy.process(
      evidence, of: machine.name, by: ["pidstat -d", "biosnoop"], "kB_rd/s", "kB_wr/s"),
      user.inside >= 100
    {
      because +=
        " By \(user.tool), process \(Printable.text(user.name)) moved \(number(user.inside, 0)) KiB per second meanwhile, otherwise "
        + "\(number(user.outside, 0))."
    }
    return Finding(
      code, .warning, guest: isGuest ? machine.name : nil, sentence: Printable.text(sentence),
      confidence: .low,
      because: because,
      evidenceSQL: sql,
      nextStep: isGuest
        ? "See the host's disk at that time, and record both block traces ('hiddenq capture')."
        : "See who uses that disk (pidstat -d 1, iotop), and record its block trace ('hiddenq capture host').",
      extent: try busy.extent(evidence, of: machine.name))
  }

  /// Which partition asked for more than otherwise, where the machine counts them.
  private func most(
    _ evidence: Evidence, _ own: String, _ condition: String
  ) throws -> String? {
    let rows = try evidence.rows(
      """
      SELECT object, avg(CASE WHEN \(condition) THEN requests_per_s END) AS inside,
        avg(CASE WHEN NOT (\(condition)) THEN requests_per_s END) AS outside
      FROM disk_counter WHERE \(own) GROUP BY object
      """)
    let parts = rows.compactMap { row -> (name: String, inside: Double, outside: Double)? in
      guard let object = row.text("object"), let inside = row.number("inside"),
        let outside = row.number("outside"), inside >= 1.25 * outside, inside >= outside + 5
      else { return nil }
      return (Self.name(object), inside, outside)
    }
    // A disk is the sum of its partitions.
    let names = parts.map(\.name)
    let own = parts.filter { part in !names.contains { $0 != part.name && $0.hasPrefix(part.name) }
    }
    guard let most = own.max(by: { $0.inside - $0.outside < $1.inside - $1.outside }) else {
      return nil
    }
    return
      " \(most.name) was asked for \(Quantity.decimal(most.inside, digits: 1)) requests per second, otherwise for "
      + "\(Quantity.decimal(most.outside, digits: 1))."
  }

  /// `sda` of `8,0 sda`.
  private static func name(_ object: String) -> String {
    object.split(separator: " ").last.map(String.init) ?? object
  }
}
