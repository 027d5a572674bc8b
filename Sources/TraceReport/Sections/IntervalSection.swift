internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// Each interval of the picture over time by itself: its latencies, hops, disk, CPUs and slowest I/Os, with their lines in the
/// files. At most as many as the picture has columns.
struct IntervalSection: ReportSection {
  static let anchor = Anchor("intervals")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    guard let explanation = request.explanation, explanation.mixed == nil,
      let guest = explanation.guests.first, !guest.isCounted, !guest.phases.isEmpty
    else { return [] }
    let intervals = try Self.panels(file, guest)
    guard !intervals.isEmpty, let disk = try ChartedDisk(file, guest) else { return [] }
    return [
      .heading("Interval by interval"),
      .paragraph(
        "Each \(Quantity.decimal(disk.length, digits: disk.length < 1 ? 2 : 0)) s of the picture over time, for "
          + "\(try DeviceNames(file).full(disk.device, of: guest.guest)) of \(ExplanationText.name(guest.guest)). "
          + "An I/O belongs to the interval that holds its Q."),
      .panels(intervals.map(\.panel)),
    ]
  }

  /// The panels of a guest's disk, each with the column that leads to it.
  static func panels(
    _ file: IncidentFile, _ guest: GuestStory
  ) throws -> [(panel: Panel, column: LayerChart.Column)] {
    guard let disk = try ChartedDisk(file, guest) else { return [] }
    let reading = try IntervalReading(file, disk)
    return disk.intervals.enumerated().compactMap { place, row in
      guard let at = row.integer("at_ns") else { return nil }
      let anchor = Anchor.interval(place)
      let title = reading.title(row, at)
      return (
        Panel(anchor: anchor, title: title, facts: reading.facts(at)),
        LayerChart.Column(
          from: Double(at) / 1e9, to: Double(at) / 1e9 + disk.length, anchor: anchor, note: title)
      )
    }
  }
}

/// What is read of all intervals of a disk, from tables that are bounded whatever the number of I/Os.
private struct IntervalReading {
  private let disk: ChartedDisk
  private let hops: [Int64: [QueryRow]]
  private let users: [Int64: [QueryRow]]
  private let depths: [(from: Int64, to: Int64, row: QueryRow)]
  private let waits: [Int64: [QueryRow]]
  private let steal: [StealPoint]
  private let losses: [ChartedDisk.Loss]
  private var slowest: [Int64: [Fact]] = [:]

  /// Neighbours and culprits that are named.
  private static let mostNames = 3

  init(_ file: IncidentFile, _ disk: ChartedDisk) throws {
    self.disk = disk
    let own =
      "guest = \(SQLText.literal(disk.guest.guest)) AND device = \(SQLText.literal(disk.device))"
    func byTime(_ sql: String) throws -> [Int64: [QueryRow]] {
      Dictionary(grouping: try file.rows(sql)) { $0.integer("at_ns") ?? .min }
    }
    hops = try byTime(
      """
      SELECT at_ns, hop, sum(count) AS count, sum(sum_ns) AS ns FROM hop_cell
      WHERE \(own) AND hop <> 'block' GROUP BY at_ns, hop
      """)
    if let place = try disk.place(file) {
      let below =
        "machine = \(SQLText.literal(place.machine)) AND device = \(SQLText.literal(place.device))"
      users = try byTime(
        "SELECT * FROM device_interval WHERE \(below) ORDER BY requests DESC, comm")
      depths = try file.rows(
        "SELECT * FROM queue_depth WHERE \(below) AND hop = 'hardware_queue' ORDER BY at_ns"
      ).compactMap { row in
        guard let at = row.integer("at_ns"), let length = row.integer("interval_ns") else {
          return nil
        }
        return (at, Stamp.sum(at, length), row)
      }
    } else {
      (users, depths) = ([:], [])
    }
    waits = try byTime(
      "SELECT * FROM wait_interval WHERE guest = \(SQLText.literal(disk.guest.guest)) ORDER BY wait_ns DESC, comm"
    )
    steal = try file.stealSeconds(guest: disk.guest.guest).filter { $0.reported != nil }
    losses = try ChartedDisk.losses(file, of: disk.guest.guest).filter { $0.packets > 0 }
    let folder = DataSection.folder(try file.sources().map(\.path))
    for row in try file.rows(
      "SELECT at_ns, io_id FROM slowest_io WHERE \(own) AND at_ns IS NOT NULL ORDER BY at_ns, place"
    ) {
      guard let at = row.integer("at_ns"), let id = row.integer("io_id"), let io = try file.io(id)
      else { continue }
      slowest[at, default: []].append(try Self.fact(io, file, disk, folder))
    }
  }

  // MARK: - An interval

  /// `8.0 s (09:30:55.0 UTC): 53 writes, median 31.1 ms, p99 130 ms`.
  func title(_ row: QueryRow, _ at: Int64) -> String {
    let when =
      Quantity.decimal(Double(at) / 1e9, digits: disk.length < 0.1 ? 2 : disk.length < 1 ? 1 : 0)
      + " s"
      + (disk.guest.wall.map { " (\(UTCText.time($0.utc(at))) UTC)" } ?? "")
    let count = row.integer("count") ?? 0
    guard count > 0 else { return "\(when): no \(disk.word)" }
    let word = count == 1 ? String(disk.word.dropLast()) : disk.word
    return "\(when): \(Quantity.count(count)) \(word)"
      + (row.integer("p50_ns").map { ", median \(Quantity.brief($0))" } ?? "")
      + (row.integer("p99_ns").map { ", p99 \(Quantity.brief($0))" } ?? "")
  }

  func facts(_ at: Int64) -> [Fact] {
    [hopMeans(at), device(at), queue(at), cpu(at), stolen(at), lost(at)].compactMap(\.self)
      + (slowest[at] ?? [])
  }

  private func hopMeans(_ at: Int64) -> Fact? {
    let order = Hop.blockParts
    let parts = (hops[at] ?? []).compactMap { row -> (hop: Hop, text: String)? in
      guard let hop = row.text("hop").flatMap(Hop.init(name:)), order.contains(hop),
        let count = row.number("count"), count > 0, let sum = row.number("ns")
      else { return nil }
      let name = hop.isHalf ? "H3 \(hop == .virtioSubmit ? "in" : "back")" : hop.code
      return (hop, "\(name) \(Quantity.brief(Int64((sum / count).rounded())))")
    }.sorted { (order.firstIndex(of: $0.hop) ?? 0) < (order.firstIndex(of: $1.hop) ?? 0) }
    return parts.isEmpty ? nil : Fact("Mean per hop", parts.map(\.text).joined(separator: ", "))
  }

  private func device(_ at: Int64) -> Fact? {
    let rows = users[at] ?? []
    let whole = rows.first { $0.text("guest") == nil && $0.text("comm") == nil }
    guard let length = whole?.number("interval_ns"), length > 0 else { return nil }
    let parts = rows.filter { $0.text("guest") != nil || $0.text("comm") != nil }
      .compactMap { row -> String? in
        guard let requests = row.number("requests"), requests > 0 else { return nil }
        let name =
          row.text("guest").map { Report.name(Machine(name: $0, layer: .guest)) } ?? row.text(
            "comm")
          ?? ""
        return
          "\(Printable.text(name)) \(Quantity.decimal(1e9 * requests / length, digits: 0))/s"
      }
    guard !parts.isEmpty else { return nil }
    return Fact("Disk below", parts.prefix(Self.mostNames + 1).joined(separator: ", "))
  }

  private func queue(_ at: Int64) -> Fact? {
    let end = at + Int64(disk.length * 1e9)
    var (held, time, greatest) = (0.0, 0.0, Int64(0))
    for (from, to, row) in depths where to > at && from < end {
      let part = Double(min(to, end) - max(from, at))
      held += part * (row.number("mean_depth") ?? 0)
      time += part
      greatest = max(greatest, row.integer("max_depth") ?? 0)
    }
    guard time > 0 else { return nil }
    let limit = depths.first?.row.integer("limit_depth")
    return Fact(
      "Its queue",
      "\(Quantity.decimal(held / time, digits: 1)) requests on average, \(Quantity.count(greatest)) at most"
        + (limit.map { ", limit \(Quantity.count($0))" } ?? ""))
  }

  private func cpu(_ at: Int64) -> Fact? {
    let rows = waits[at] ?? []
    guard let whole = rows.first(where: { $0.text("class") == nil }),
      let length = whole.number("interval_ns"), let vcpus = whole.number("vcpus"), length > 0,
      vcpus > 0, let wait = whole.number("wait_ns")
    else { return nil }
    func share(_ wait: Double) -> String { Quantity.share(wait / (length * vcpus)) }
    let parts = rows.compactMap { row -> String? in
      guard let kind = row.text("class"), let own = row.number("wait_ns"), own > 0 else {
        return nil
      }
      return "\(CulpritName.text(row, kind)) \(share(own))"
    }
    return Fact(
      "CPU waits",
      "\(share(wait)) of the vCPUs' time"
        + (parts.isEmpty ? "" : ": " + parts.prefix(Self.mostNames).joined(separator: ", ")))
  }

  private func stolen(_ at: Int64) -> Fact? {
    let end = at + Int64(disk.length * 1e9)
    let shares = steal.filter { $0.at < end && Stamp.sum($0.at, 1_000_000_000) > at }
      .compactMap(\.reported)
    guard !shares.isEmpty else { return nil }
    return Fact(
      "Steal",
      "\(Quantity.decimal(shares.reduce(0, +) / Double(shares.count), digits: 1)) % as the guest counted"
    )
  }

  private func lost(_ at: Int64) -> Fact? {
    let end = at + Int64(disk.length * 1e9)
    let parts = losses.filter { $0.from < end && $0.to > at }.map { loss in
      "\(Printable.text(loss.point)) \(Quantity.decimal(1e9 * loss.packets / Double(loss.to - loss.from), digits: 0))/s"
    }
    return parts.isEmpty ? nil : Fact("Packets lost", parts.joined(separator: ", "))
  }

  // MARK: - An I/O

  /// `#12: write 2048 + 8 by fio at 8.123 s: 307 ms = H2 0.2 ms + ...; guest/blkparse.txt:123, host/blkparse.txt:456`.
  private static func fact(
    _ io: IORow, _ file: IncidentFile, _ disk: ChartedDisk, _ folder: String
  ) throws -> Fact {
    let whole = io.times[.block].nanoseconds ?? io.times.driver.nanoseconds ?? 0
    let hops = Hop.blockParts.compactMap { hop -> String? in
      guard let time = io.times[hop].nanoseconds else { return nil }
      let name = hop.isHalf ? "H3 \(hop == .virtioSubmit ? "in" : "back")" : hop.code
      return "\(name) \(Quantity.brief(time))"
    }
    var places: [String] = []
    for request in [io.request, io.hostRequest].compactMap(\.self) {
      guard let place = try file.evidence(of: request) else { continue }
      places.append("\(place.path.dropFirst(folder.count)):\(place.line)")
    }
    let address = io.sector.map { "\($0) + \(io.sectors)" } ?? "no address"
    return Fact(
      "#\(io.id)",
      Printable.text(
        "\(io.operation.name) \(address) by \(io.comm)"
          + (io.reference.map { " at \(Quantity.seconds($0))" } ?? "")
          + ": \(Quantity.brief(whole))"
          + (hops.isEmpty ? "" : " = " + hops.joined(separator: " + "))
          + (places.isEmpty ? "" : "; " + places.joined(separator: ", "))))
  }
}

/// Who had a CPU that others waited for, in words.
enum CulpritName {
  /// Of a row of `wait_interval`.
  static func text(_ row: QueryRow, _ kind: String) -> String {
    Printable.text(
      row.text("comm") ?? row.text("of_guest").map { Report.name(Machine(name: $0, layer: .guest)) }
        ?? words(ofClass: kind))
  }

  static func words(ofClass kind: String) -> String {
    switch CulpritClass(name: kind) {
    case .sibling: "its own threads"
    case .kernel: "the kernel"
    case .throttled: "nobody (a quota)"
    case .unknown: "nobody seen"
    case .guest, .host, nil: kind
    }
  }
}
