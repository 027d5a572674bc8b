internal import TraceModel
internal import TraceStore

/// The path of packets between each guest and the wire, point by point, with what was lost where.
struct NetworkSection: ReportSection {
  static let anchor = Anchor("network")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let rows = try file.rows(
      """
      SELECT guest, machine, point, direction, packets, drops, drop_rate, first_loss, requeues, stops,
        kicks_per_packet, guest_by, counters
      FROM net_path ORDER BY guest IS NULL, guest, position, direction
      """
    ).filter { row in
      request.filter.guest == nil || row.text("guest") == nil
        || row.text("guest") == request.filter.guest
    }
    guard !rows.isEmpty else { return [] }
    var groups: [(name: String, rows: [QueryRow])] = []
    for row in rows {
      let name = row.text("guest") ?? row.text("machine").map { "all of \($0)" } ?? ""
      if groups.last?.name == name {
        groups[groups.count - 1].rows.append(row)
      } else {
        groups.append((name, [row]))
      }
    }
    return [
      .heading("The network path"),
      .paragraph(
        "From the guest outward: what passed each point and what was lost there over the whole capture. "
          + "A tap counts from its own side; here 'in' is to the guest, 'out' is from it. A loss before "
          + "the wire is a local queue's, not the network's."),
    ] + groups.map { Self.table($0.name, $0.rows) }
  }

  private static func table(_ name: String, _ rows: [QueryRow]) -> Block {
    let owner = rows.compactMap { $0.text("guest_by") }.first.map { ", its tap known by: \($0)" }
    return .table(
      Table(
        caption: Printable.text(name + (owner ?? "") + ":"),
        columns: [
          .text("point"), .text("way"), .number("packets"), .number("lost"), .number("share"),
          .number("kicks/pkt"), .text("remarks"),
        ],
        rows: rows.map { row in
          [
            Printable.text(row.text("point") ?? ""), way(row.text("direction")),
            row.integer("packets").map(Quantity.count) ?? "?",
            isShortage(row) ? "?" : row.integer("drops").map(Quantity.count) ?? "?",
            isShortage(row)
              ? ""
              : row.number("drop_rate").map { "\(Quantity.decimal(100 * $0, digits: 2)) %" } ?? "",
            row.number("kicks_per_packet").map { Quantity.decimal($0, digits: 3) } ?? "",
            remarks(row),
          ]
        }))
  }

  private static func way(_ direction: String?) -> String {
    switch direction {
    case "to_guest": "in"
    case "from_guest": "out"
    default: "both"
    }
  }

  /// Whether the driver counted how often it had no buffer, and not what was lost by that: the hardware keeps packets
  /// for a while.
  private static func isShortage(_ row: QueryRow) -> Bool {
    let counters = row.text("counters") ?? ""
    return counters.contains("no_buffer") && !counters.contains("posted")
      && !counters.contains(" + ")
  }

  private static func remarks(_ row: QueryRow) -> String {
    var remarks: [String] = []
    if isShortage(row), let times = row.integer("drops"), times > 0 {
      remarks.append("no buffer: \(Quantity.count(times))")
    } else if row.integer("first_loss") == 1 {
      remarks.append("<- loses first")
    }
    if let requeues = row.integer("requeues"), requeues > 0 {
      remarks.append("\(Quantity.count(requeues, "requeue"))")
    }
    if let stops = row.integer("stops"), stops > 0 {
      remarks.append("\(Quantity.count(stops, "stop"))")
    }
    return remarks.joined(separator: ", ")
  }
}
