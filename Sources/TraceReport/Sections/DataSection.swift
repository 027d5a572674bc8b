internal import TraceModel
internal import TraceStore

/// What was read and what was lost.
struct DataSection: ReportSection {
  static let anchor = Anchor("files")

  /// Files that are listed; of more, those with troubles, then those with most events.
  private static let mostFiles = 80

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let all = try file.sources()
    let sources = Self.shown(all)
    guard !sources.isEmpty else {
      return [.heading("What was read"), .paragraph("Nothing yet: run 'hiddenq ingest'.")]
    }
    // Columns of zeros would take the room that the names of files need.
    let hasSkipped = sources.contains { $0.skippedLines > 0 }
    let hasLost = sources.contains { $0.lostEvents > 0 }
    let problems = try file.problems().filter { $0.severity != .note }
    let cut = Set(
      problems.filter { $0.kind == ProblemKind.partLeftOut.rawValue }.map(\.path))
    let folder = Self.folder(sources.map(\.path))
    let remarks = [
      all.count > sources.count
        ? "\(sources.count) of \(Quantity.count(Int64(all.count), "file")); all of them: the view 'source'."
        : nil,
      folder.isEmpty ? nil : "Files below \(Printable.text(folder)).",
      hasSkipped ? nil : "No line was skipped.", hasLost ? nil : "No event is known to be lost.",
    ]
    let table = Table(
      caption: remarks.compactMap { $0 }.joined(separator: " "),
      columns: [
        .number("#"), .text("machine"),
        .text("file", yielding: Table.Column.Yielding(least: 16, keepsBeginning: false)),
        .text("format"), .number("events"),
      ] + (hasSkipped ? [.number("skipped")] : []) + (hasLost ? [.number("lost")] : [])
        + [.number("span")],
      rows: sources.map { source in
        [
          "\(source.id)",
          Printable.text(Report.name(Machine(name: source.machine, layer: source.layer))),
          Printable.text(String(source.path.dropFirst(folder.count))), source.format,
          Quantity.count(source.events),
        ] + (hasSkipped ? [Quantity.count(source.skippedLines)] : [])
          + (hasLost ? [Quantity.count(source.lostEvents)] : []) + [
            source.isRefused
              ? "refused"
              : source.duplicateOf.map {
                (cut.contains(source.path) ? "part = file " : "= file ") + "\($0)"
              }
                ?? source.span.map(Quantity.seconds)
                ?? ""
          ]
      })
    var blocks: [Block] = [
      .heading("What was read"), .table(table),
      .details(
        "SHA-256 of each file",
        [
          .table(
            Table(
              caption: "To tell whether two reports are of the same files",
              columns: [.number("#"), .text("SHA-256"), .text("file")],
              rows: sources.map {
                ["\($0.id)", $0.sha256, Printable.text(String($0.path.dropFirst(folder.count)))]
              }))
        ]),
    ]
    if !problems.isEmpty {
      blocks.append(
        .facts(
          problems.prefix(6).map { problem in
            let place = problem.line.map { ", first at line \($0)" } ?? ""
            return Fact(
              "! " + problem.severity.name,
              Printable.text(
                "\(Quantity.count(problem.count)) x \(problem.kind) in \(problem.path)\(place): "
                  + problem.advice))
          }))
    }
    return blocks
  }

  /// The folder that all paths begin with, with its slash; empty where there is none.
  static func folder(_ paths: [String]) -> String {
    guard var common = paths.first?[...] else { return "" }
    for path in paths.dropFirst() {
      common = common.prefix(zip(common, path).prefix { $0 == $1 }.count)
    }
    return common.lastIndex(of: "/").map { String(common[...$0]) } ?? ""
  }

  private static func shown(_ all: [SourceRow]) -> [SourceRow] {
    guard all.count > mostFiles else { return all }
    func weight(_ source: SourceRow) -> (Int64, Int64) {
      (source.isRefused ? .max : max(source.skippedLines, source.lostEvents), source.events)
    }
    return all.sorted { weight($0) > weight($1) }.prefix(mostFiles).sorted { $0.id < $1.id }
  }
}
