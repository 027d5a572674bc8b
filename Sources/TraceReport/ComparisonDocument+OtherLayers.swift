internal import TraceAnalysis
internal import TraceModel

/// What is compared beside hops: steal, waits, memory, network, queues.
extension ComparisonSections {
  private static let subjects = [
    ("steal", "Steal, as the guest reports it"),
    ("cpu_wait", "Waits of vCPUs for a CPU of the host"),
    ("remote_share", "Run away from their memory"), ("drops", "Packets lost"),
    ("queue_depth", "Requests in a queue, on average"),
  ]

  var others: [Block] {
    let lines = comparison.lines.filter { $0.op == nil }
    guard !lines.isEmpty else { return [] }
    let guests = Set(lines.compactMap(\.guest))
    return [
      .heading("Other layers"),
      .paragraph(
        "Means over time. Their intervals come from blocks of whole seconds, or of whole intervals of the "
          + "tool; the changes of a subject are corrected together."),
    ]
      + Self.subjects.flatMap { subject, title -> [Block] in
        let own = lines.filter { $0.subject == subject }
        guard let unit = own.first?.unit else { return [] }
        return [
          .table(
            Table(
              caption: title + (unit == .number ? "" : ", \(unit.rawValue)") + ":",
              columns: [
                .text("of", yielding: Table.Column.Yielding(least: 12, keepsBeginning: false)),
                .number("before"), .number("after"), .number("change"), .text("verdict"),
              ],
              rows: own.map { line in
                [
                  Self.place(line, hasGuests: guests.count > 1),
                  line.before.map { Quantity.decimal($0, digits: 2) } ?? "-",
                  line.after.map { Quantity.decimal($0, digits: 2) } ?? "-",
                  ChangeText.change(line, unit: nil) ?? "", line.verdict.rawValue,
                ]
              }))
        ] + notes(own) { Self.place($0, hasGuests: guests.count > 1) }
      }
  }

  /// `vcpu 0`, `guest 254,16 H2`, `host tap0 tx_dropped`.
  private static func place(_ line: ComparisonLine, hasGuests: Bool) -> String {
    let object = line.object.map { object in
      names.keys.contains(object)
        ? String(name(of: object).prefix { $0 != " " })
        : object.split(separator: " ").map { word in
          names[String(word)].map { String($0.dropPrefix.prefix { $0 != " " }) } ?? String(word)
        }.joined(separator: " ")
    }
    let guest = hasGuests || object == nil || line.device != nil ? line.guest : nil
    return Printable.text(
      [guest, line.device, object].compactMap(\.self).joined(separator: " "))
  }
}
