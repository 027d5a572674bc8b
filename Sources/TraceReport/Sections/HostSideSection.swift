internal import TraceModel
internal import TraceStore

/// The host's part of the way by who asked, where no guest's disk could be followed: what each guest must
/// have felt at least.
struct HostSideSection: ReportSection {
  static let anchor = Anchor("host-side")

  /// Rows that are shown.
  private static let most = 12

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let rows = try file.hostSides(most: Self.most + 1)
    guard !rows.isEmpty else { return [] }
    let unit = Quantity.TimeUnit.fitting(rows.map(\.hardwareP50).max() ?? 0)
    var blocks: [Block] = [
      .heading("The host's part, by who asked"),
      .paragraph(
        "Requests by the thread that queued them. \(Hop.hostScheduler.definition), "
          + "\(Hop.hardwareQueue.definition): a guest's I/Os took at least that long; what its own queues and the "
          + "virtio queue added only its own block trace shows. Requests of kernel threads may be a guest's, too."
          + (rows.contains { $0.schedulerP50 == nil }
            ? " Where \(Hop.hostScheduler.code) is '-', Q was not traced." : "")),
      .table(
        Table(
          caption: "Whole traces, \(unit.symbol):",
          columns: [
            .text("who"), .text("device"), .number("requests"), .number("MB"),
          ]
            + [Hop.hostScheduler, .hardwareQueue].flatMap { hop in
              ["p50", "p99"].map { .number("\(hop.code) \($0)") }
            },
          rows: rows.prefix(Self.most).map { row in
            [
              Printable.text(row.guest.map { "guest \($0)" } ?? row.comm),
              Printable.text("\(row.host) \(row.device)"), Quantity.count(Int64(row.requests)),
              Quantity.decimal(Double(row.bytes) / 1e6, digits: 1),
              row.schedulerP50.map(unit.text) ?? "-",
              row.schedulerP99.map(unit.text) ?? "-", unit.text(row.hardwareP50),
              unit.text(row.hardwareP99),
            ]
          })),
    ]
    if rows.count > Self.most {
      blocks.append(.paragraph("More have fewer requests; the view 'request' has all."))
    }
    return blocks
  }
}
