internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Which virtual disk of an ESXi host a guest's disk is, and where the time of its I/Os went below the guest, by the rows of
/// esxtop and the guest's block trace.
///
/// Nothing but time ties the two: no request, no sector. A fit of both counts finds the disk and the clock at once; a name
/// confirms nothing. What fits no disk is refused.
struct EsxCorrelation: CorrelationPass {
  static let fills = ["esx_guest_disk", "esx_guest_layer"]

  /// The largest difference of counts at which rows are of one disk, and by how much the next disk must be worse.
  private static let (mostMismatch, apart) = (0.1, 0.05)
  /// The same of three quarters of the rows, and rows at least: four fit another host's guest by chance.
  private static let (mostUpperMismatch, fewestRows) = (0.15, 5)
  /// The least contrast of a fit that holds a clock.
  private static let leastContrast = 0.5
  /// Where the clock is looked for if the guest's trace does not say when it began, ns.
  private static let farReach: Int64 = 600_000_000_000
  private static let fewestIOs = 20

  /// A virtual disk in a file of esxtop.
  private struct Disk {
    let host: String
    let vm: String
    let disk: String
    let rows: [Reading]
  }

  /// A row of it, with what its VM did on the disks below.
  private struct Reading {
    let line: Int64
    let end: Int64
    let rate: Double
    let virtual: Double?
    let below: Below?
  }

  /// Means over the VM's commands, ms.
  private struct Below {
    let gavg: Double
    let kavg: Double
    let qavg: Double
    let davg: Double
  }

  private struct Match {
    let guest: GuestTrace
    let host: String
    let best: (disk: Disk, fit: RowFit)?
    let next: Double?
    let verdict: String
  }

  /// A guest's disk: when its reads and writes were completed, and how long each took, ns.
  fileprivate struct GuestTrace {
    let guest: String
    let device: String
    let source: Int64
    let start: Int64?
    let completions: [Int64]
    /// Sums of D to C before each completion.
    let sums: [Double]
  }

  private var matches: [Match] = []

  init(_ context: CorrelationContext) throws {
    let disks = context.guests.isEmpty ? [] : try Self.disks(context.file)
    guard !disks.isEmpty else { return }
    let starts = try Self.starts(context.file)
    for disk in context.guests where disk.segment == 0 {
      guard let stream = context.streams.first(where: { $0.stream == disk.stream }),
        let trace = GuestTrace(
          disk, device: stream.device, start: starts[disk.source], fewest: Self.fewestIOs)
      else { continue }
      for (host, own) in Dictionary(grouping: disks, by: \.host).sorted(by: { $0.key < $1.key }) {
        if let match = Self.match(trace, host, own) { matches.append(match) }
      }
    }
  }

  // MARK: The guest

  /// When block traces began, ns since 1970.
  private static func starts(_ file: IncidentFile) throws -> [Int64: Int64] {
    let rows = try file.rows(
      "SELECT source_id, start_ns FROM source WHERE start_clock = 'CLOCK_REALTIME' AND start_ns IS NOT NULL"
    )
    return Dictionary(
      rows.compactMap { row in
        row.integer("source_id").flatMap { id in row.integer("start_ns").map { (id, $0) } }
      }, uniquingKeysWith: { first, _ in first })
  }

  // MARK: The host

  private static func disks(_ file: IncidentFile) throws -> [Disk] {
    guard try !file.rows(EsxSeries.judged).isEmpty else { return [] }
    let below = try below(file)
    let rows = try file.rows(
      """
      SELECT machine, source_id, vm, disk, line, wall_ns, commands_per_s, reads_per_s, writes_per_s, read_ms, write_ms
      FROM esx_disk WHERE kind = 'virtual_disk' AND vm IS NOT NULL AND wall_ns IS NOT NULL AND utc_offset_s IS NOT NULL
        AND commands_per_s IS NOT NULL
      ORDER BY machine, source_id, vm, disk, line
      """)
    struct Key: Hashable {
      let host: String
      let vm: String
      let disk: String
      let source: Int64
    }
    var found: [Key: [Reading]] = [:]
    for row in rows {
      guard let host = row.text("machine"), let source = row.integer("source_id"),
        let vm = row.text("vm"), let disk = row.text("disk"), let line = row.integer("line"),
        let end = row.integer("wall_ns"), let rate = row.number("commands_per_s")
      else { continue }
      let (reads, writes) = (row.number("reads_per_s") ?? 0, row.number("writes_per_s") ?? 0)
      let time = reads * (row.number("read_ms") ?? 0) + writes * (row.number("write_ms") ?? 0)
      let hasTimes = row.number("read_ms") != nil && row.number("write_ms") != nil
      found[Key(host: host, vm: vm, disk: disk, source: source), default: []].append(
        Reading(
          line: line, end: end, rate: rate,
          virtual: hasTimes && reads + writes > 0 ? time / (reads + writes) : nil,
          below: below["\(source) \(line) \(vm)"]))
    }
    return found.map { Disk(host: $0.key.host, vm: $0.key.vm, disk: $0.key.disk, rows: $0.value) }
      .sorted { ($0.host, $0.vm, $0.disk) < ($1.host, $1.vm, $1.disk) }
  }

  /// What each VM's commands took on the disks of its host, by file, line and VM.
  private static func below(_ file: IncidentFile) throws -> [String: Below] {
    func mean(_ name: String) -> String {
      "sum(commands_per_s * \(name)) / sum(commands_per_s) AS \(name)"
    }
    let rows = try file.rows(
      """
      SELECT source_id, line, vm, \(["guest_ms", "kernel_ms", "queue_ms", "device_ms"].map(mean).joined(separator: ", "))
      FROM esx_disk WHERE kind = 'disk_user' AND vm IS NOT NULL GROUP BY source_id, line, vm
      HAVING sum(commands_per_s) > 0
      """)
    var found: [String: Below] = [:]
    for row in rows {
      guard let source = row.integer("source_id"), let line = row.integer("line"),
        let vm = row.text("vm"), let gavg = row.number("guest_ms"),
        let kavg = row.number("kernel_ms"), let qavg = row.number("queue_ms"),
        let davg = row.number("device_ms")
      else { continue }
      found["\(source) \(line) \(vm)"] = Below(gavg: gavg, kavg: kavg, qavg: qavg, davg: davg)
    }
    return found
  }

  // MARK: The match

  /// The disk that fits best, among all of a host; nil where their times do not meet.
  private static func match(_ guest: GuestTrace, _ host: String, _ disks: [Disk]) -> Match? {
    var fits: [(disk: Disk, fit: RowFit)] = []
    for disk in disks {
      let rows = disk.rows.map { RowFit.Row(end: $0.end, rate: $0.rate) }
      guard let first = rows.first?.end, let last = rows.last?.end,
        let begin = guest.completions.first, let end = guest.completions.last
      else { continue }
      let length = (last - first) / Int64(max(1, rows.count - 1))
      // A row's printed second is early by half of one on average.
      let guess =
        guest.start.map { 500_000_000 - $0 } ?? (begin / 2 + end / 2 - first / 2 - last / 2)
      let far = (last - first) / 2 + (end - begin) / 2 + length
      let reach = guest.start == nil ? min(far, farReach) : RowFit.reach
      if let fit = RowFit(rows, completions: guest.completions, guess: guess, reach: reach) {
        fits.append((disk, fit))
      }
    }
    fits.sort { $0.fit.mismatch < $1.fit.mismatch }
    guard let best = fits.first else { return nil }
    let next = fits.count > 1 ? fits[1].fit.mismatch : nil
    let verdict: String
    if best.fit.mismatch > mostMismatch || best.fit.upperMismatch > mostUpperMismatch
      || best.fit.rows < fewestRows
    {
      verdict = "refused"
    } else if let next, next < 2 * best.fit.mismatch || next < best.fit.mismatch + apart {
      verdict = "ambiguous"
    } else {
      verdict = best.fit.contrast < leastContrast ? "steady" : "tied"
    }
    return Match(
      guest: guest, host: host, best: verdict == "refused" ? nil : best, next: next,
      verdict: verdict)
  }

  // MARK: Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for match in matches {
      let (guest, fit) = (match.guest, match.best?.fit)
      try writer.add(
        to: "esx_guest_disk",
        [
          "guest": .text(guest.guest), "device": .text(guest.device),
          "source_id": .integer(guest.source), "host": .text(match.host),
          "vm": StoredValue(match.best?.disk.vm), "disk": StoredValue(match.best?.disk.disk),
          "verdict": .text(match.verdict), "offset_ns": StoredValue(fit?.lag),
          // The guest's trace time plus its start is the guest's wall clock.
          "ahead_ns": StoredValue(fit.flatMap { fit in guest.start.map { -(fit.lag + $0) } }),
          "error_ns": StoredValue(fit?.lagError), "period_ns": StoredValue(fit?.period),
          "samples": .integer(Int64(fit?.rows ?? 0)),
          "mismatch_pct": StoredValue(fit.map { 100 * $0.mismatch }),
          "next_mismatch_pct": StoredValue(match.next.map { 100 * $0 }),
          "contrast_share": StoredValue(fit?.contrast),
        ])
      if match.verdict == "tied", let (disk, fit) = match.best {
        try write(guest, match.host, disk, fit, to: writer)
      }
    }
  }

  private func write(
    _ guest: GuestTrace, _ host: String, _ disk: Disk, _ fit: RowFit, to writer: CorrelationWriter
  ) throws {
    for (reading, edge) in zip(disk.rows, fit.edges) {
      guard let edge else { continue }
      let own = guest.mean(edge.from, edge.to)
      let seconds = Double(edge.to - edge.from) / 1e9
      let commands = reading.rate * seconds
      let isComparable =
        own.count >= Self.fewestIOs
        && abs(Double(own.count) - commands) <= Self.mostMismatch * Double(own.count)
      let shifted = [-fit.lagError, fit.lagError].compactMap { shift -> Double? in
        guard let moved = guest.mean(edge.from + shift, edge.to + shift).time, let time = own.time
        else { return nil }
        return abs(moved - time)
      }
      try writer.add(
        to: "esx_guest_layer",
        [
          "guest": .text(guest.guest), "device": .text(guest.device), "host": .text(host),
          "vm": .text(disk.vm), "disk": .text(disk.disk), "from_ns": .integer(edge.from),
          "to_ns": .integer(edge.to), "line": .integer(reading.line),
          "ios": .integer(Int64(own.count)), "commands": .real(commands),
          "is_comparable": .integer(isComparable ? 1 : 0), "guest_ms": StoredValue(own.time),
          "guest_error_ms": StoredValue(shifted.max()), "virtual_ms": StoredValue(reading.virtual),
          "gavg_ms": StoredValue(reading.below?.gavg), "kavg_ms": StoredValue(reading.below?.kavg),
          "qavg_ms": StoredValue(reading.below?.qavg), "davg_ms": StoredValue(reading.below?.davg),
        ])
    }
  }
}

extension EsxCorrelation.GuestTrace {
  fileprivate init?(_ disk: GuestDisk, device: String, start: Int64?, fewest: Int) {
    var ios: [(at: Int64, time: Double)] = []
    for request in disk.rows where [.read, .write].contains(request.operation) {
      guard let issued = request.issued.nanoseconds, let done = request.completed.nanoseconds,
        done >= issued
      else { continue }
      ios.append((done, Double(done - issued)))
    }
    guard ios.count >= fewest else { return nil }
    ios.sort { $0.at < $1.at }
    var sums: [Double] = [0]
    for io in ios { sums.append((sums.last ?? 0) + io.time) }
    (guest, self.device, source) = (disk.machine, device, disk.source)
    (self.start, completions, self.sums) = (start, ios.map(\.at), sums)
  }

  /// I/Os that were completed after one moment and not after another, and their mean time, ms.
  fileprivate func mean(_ from: Int64, _ to: Int64) -> (count: Int, time: Double?) {
    let (first, last) = (place(from), place(to))
    let count = last - first
    return (count, count > 0 ? (sums[last] - sums[first]) / Double(count) / 1e6 : nil)
  }

  private func place(_ moment: Int64) -> Int {
    var (low, high) = (0, completions.count)
    while low < high {
      let middle = (low + high) / 2
      if completions[middle] <= moment { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
