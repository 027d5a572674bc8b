internal import TraceAnalysis
internal import TraceModel

/// What is compared beside hops: steal, waits, memory, network, queues.
extension ComparisonSections {
  var others: [Block] {
    let lines = comparison.lines.filter { $0.op == nil }
    guard !lines.isEmpty else { return [] }
    let guests = Set(lines.compactMap(\.guest))
    return [
      .heading(Heading("Other layers", anchor: Anchor("others"))),
      .paragraph(
        "Means over time. Their intervals come from blocks of whole seconds, or of whole intervals of the "
          + "tool; the changes of a subject are corrected together."),
    ]
      + MeasuredSubject.allCases.flatMap { subject -> [Block] in
        let own = lines.filter { $0.subject == subject.name }
        guard let unit = own.first?.unit else { return [] }
        return [
          .table(
            Table(
              caption: subject.title + (unit == .number ? "" : ", \(unit.rawValue)") + ":",
              columns: [
                .text("of", yielding: Table.Column.Yielding(least: 12, keepsBeginning: false)),
                .number("before"), .number("after"), .number("change"), .text("verdict"),
              ],
              rows: own.map { line in
                [
                  Self.place(line, hasGuests: guests.count > 1),
                  line.before.map { Quantity.decimal($0, digits: 2) } ?? "-",
                  line.after.map { Quantity.decimal($0, digits: 2) } ?? "-",
                  ChangeText.change(line, unit: nil) ?? "", ChangeText.verdict(line),
                ]
              }))
        ] + notes(own) { Self.place($0, hasGuests: guests.count > 1) }
      }
  }

  /// `vcpu 0`, `guest 254,16 H2`, `host tap0 tx_dropped`.
  private static func place(_ line: ComparisonLine, hasGuests: Bool) -> String {
    let object = line.object.map { object in
      object.split(separator: " ").map { word in
        guard let hop = Hop(name: String(word)), hop.queue != nil else { return String(word) }
        return hop.code
      }.joined(separator: " ")
    }
    let guest = hasGuests || object == nil || line.device != nil ? line.guest : nil
    return Printable.text(
      [guest, line.device, object].compactMap(\.self).joined(separator: " "))
  }
}
