internal import TraceModel
internal import TraceStore

/// The guests' threads on the host: how long they ran, how long they waited for a CPU, and who was on it.
struct CPUSection: ReportSection {
  /// Culprits that are named for a thread.
  private static let most = 3

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let threads = try file.guestThreads(request.filter)
    guard !threads.isEmpty else { return [] }
    return [
      .heading("Waiting for a CPU of the host"),
      .paragraph(
        "The guests' threads over the whole scheduler trace. A wait is blamed on the threads that ran on "
          + "that CPU meanwhile: 'sibling' is of the same guest, 'throttled' a CPU that was idle "
          + "although the thread could run."),
      .table(
        Table(
          caption: "",
          columns: [
            .text("thread"), .number("ran"), .number("waited"), .number("p99"), .number("max"),
            .text("who ran meanwhile"),
          ],
          rows: threads.map { thread in
            [
              Printable.text("\(thread.guest ?? "?") \(thread.comm) \(thread.tid)"),
              Quantity.seconds(thread.run), Quantity.seconds(thread.wait),
              thread.p99.map(Quantity.time) ?? "", thread.longest.map(Quantity.time) ?? "",
              thread.culprits.prefix(Self.most).map { culprit in
                Printable.text(
                  "\(culprit.comm ?? "unknown") \(Quantity.percent(culprit.share))")
              }.joined(separator: ", "),
            ]
          })),
      .facts(
        threads.filter { $0.role == "vcpu" }.map { thread in
          Fact(
            Printable.text("\(thread.guest ?? "?") \(thread.comm)"),
            thread.classes.map { "\($0.name) \(Quantity.percent($0.share))" }
              .joined(separator: ", "))
        }),
    ]
  }
}
