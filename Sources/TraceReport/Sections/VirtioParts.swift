internal import TraceModel
internal import TraceStore

/// What the virtio queue (H3) of the guests' busiest disks is made of, way in and way back.
enum VirtioParts {
  private static let mostDisks = 2
  private static let mostParts = 8

  private static let legend =
    "What the thread that had to act did meanwhile: on the way in the virtual CPU until the host's thread wakes up, then "
    + "that thread; on the way back the host's thread until it sleeps again, then the virtual CPU. Means of the I/Os "
    + "that the scheduler trace covers; the parts add up."

  /// What would divide the time further, and what it would add.
  private static func missing(_ file: IncidentFile) throws -> String {
    let hasExits = try !file.rows("SELECT 1 AS one FROM kvm_exit LIMIT 1").isEmpty
    return "Not divided: the time in which a virtual CPU ran, into guest and hypervisor. "
      + (hasExits
        ? "KVM's events in these files are sums over their own time, not times of single I/Os."
        : "KVM's entries and exits (perf record -e kvm:kvm_entry,kvm:kvm_exit -a) would show the sums of both.")
  }

  private struct Part {
    let label: String
    let submit: Int64
    let back: Int64
    var both: Int64 { Stamp.sum(submit, back) }
  }

  static func blocks(_ file: IncidentFile, _ filter: IOFilter) throws -> [Block] {
    let rows = try file.rows(
      """
      SELECT guest, device, part, max(ios) AS ios, sum(submit_ns) AS submit_ns, sum(return_ns) AS return_ns
      FROM (
        SELECT guest, device, part, sum(ios) AS ios,
          sum(CASE WHEN hop = 'virtio_submit' THEN sum_ns ELSE 0 END) AS submit_ns,
          sum(CASE WHEN hop = 'virtio_return' THEN sum_ns ELSE 0 END) AS return_ns
        FROM virtio_part GROUP BY guest, device, part, hop)
      GROUP BY guest, device, part ORDER BY guest, device, part
      """
    ).filter { row in
      (filter.guest == nil || row.text("guest") == filter.guest)
        && (filter.device == nil || row.text("device") == filter.device)
    }
    let wholes = rows.filter { $0.text("part") == nil && ($0.integer("ios") ?? 0) > 0 }
      .sorted { ($0.integer("ios") ?? 0) > ($1.integer("ios") ?? 0) }
    let tables = wholes.prefix(mostDisks).compactMap { whole in
      table(
        whole,
        rows.filter {
          $0.text("part") != nil && $0.text("guest") == whole.text("guest")
            && $0.text("device") == whole.text("device")
        })
    }
    guard !tables.isEmpty else { return [] }
    return [.paragraph(legend)] + tables + [.paragraph(try missing(file))]
  }

  private static func table(_ whole: QueryRow, _ rows: [QueryRow]) -> Block? {
    guard let guest = whole.text("guest"), let device = whole.text("device"),
      let ios = whole.integer("ios"), let all = part(whole)
    else { return nil }
    let parts = rows.compactMap(part).sorted { ($1.both, $0.label) < ($0.both, $1.label) }
    // What the recording took has a line of its own.
    let recorder = parts.filter { $0.label == recorders }
    let named = parts.filter { $0.label != rest && $0.label != recorders }
    let others = named.dropFirst(mostParts)
    var lines = Array(named.prefix(mostParts))
    if !others.isEmpty {
      lines.append(
        Part(
          label: "\(others.count) more", submit: others.reduce(0) { Stamp.sum($0, $1.submit) },
          back: others.reduce(0) { Stamp.sum($0, $1.back) }))
    }
    lines += recorder + parts.filter { $0.label == rest } + [all]
    let unit = Quantity.TimeUnit.fitting(all.both / ios)
    return .table(
      Table(
        caption: Printable.text("\(guest) \(device)")
          + ", what H3 is made of, \(unit.symbol) per I/O, of \(Quantity.ios(Int(clamping: ios))):",
        columns: [
          .text("meanwhile", yielding: .init(least: 24, keepsBeginning: true)), .number("in"),
          .number("back"), .number("of H3"),
        ],
        rows: lines.map { line in
          [
            line.label, unit.text(line.submit / ios), unit.text(line.back / ios),
            all.both > 0 ? Quantity.share(Double(line.both) / Double(all.both)) : "",
          ]
        }))
  }

  private static let rest = "not attributed"
  private static let recorders = ExplanationText.part("cpu_wait:(recorder)")

  private static func part(_ row: QueryRow) -> Part? {
    guard let submit = row.integer("submit_ns"), let back = row.integer("return_ns") else {
      return nil
    }
    let label = row.text("part").map { ExplanationText.part($0) ?? rest } ?? "H3"
    return Part(label: label, submit: submit, back: back)
  }
}
