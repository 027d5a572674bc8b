internal import TraceModel
internal import TraceStore

/// The block layers in btt's terms.
struct StageSection: ReportSection {
  static let anchor = Anchor("stages")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let stages = try file.stages()
    guard !stages.isEmpty else { return [] }
    var blocks: [Block] = [
      .heading("Stages of the block layers"),
      .paragraph(
        "Whole traces, counted per bio as btt counts; on a trace without losses N and mean equal "
          + "btt's. Q2G waiting for a request, G2I plug, I2D scheduler, D2C driver and device."),
    ]
    var seen: [String] = []
    for stage in stages {
      let name = "\(stage.machine) \(stage.device)"
      guard !seen.contains(name) else { continue }
      seen.append(name)
      let own = stages.filter { $0.machine == stage.machine && $0.device == stage.device }
      let unit = Quantity.TimeUnit.fitting(own.first { $0.stage == "D2C" }?.p50 ?? 0)
      blocks.append(
        .table(
          Table(
            caption: Printable.text("\(name), \(unit.symbol):"),
            columns: [
              .text("stage"), .number("N"), .number("min"), .number("mean"), .number("p50"),
              .number("p99"), .number("max"),
            ],
            rows: own.map { row in
              [
                row.stage, Quantity.count(Int64(row.count)), unit.text(row.min),
                unit.text(row.mean), unit.text(row.p50), unit.text(row.p99),
                unit.text(row.max),
              ]
            })))
    }
    return blocks
  }
}
