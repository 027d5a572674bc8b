internal import TraceAnalysis
internal import TraceModel

/// What differs between the sides beside their latencies: settings, neighbours, pauses, limits.
extension ComparisonSections {
  /// Settings of a table; more are counted.
  private static let mostSettings = 40

  var differences: [Block] {
    let parts = settings + disturbances
    return parts.isEmpty
      ? [] : [.heading(Heading("What else differs", anchor: Anchor("differences")))] + parts
  }

  private var settings: [Block] {
    guard let setup = comparison.setup, !setup.changes.isEmpty || setup.onOneSide > 0 else {
      return []
    }
    var blocks: [Block] = []
    if !setup.changes.isEmpty {
      blocks.append(
        .table(
          Table(
            caption: "Settings that are not the same:",
            columns: [
              .text("setting", yielding: .init(least: 16, keepsBeginning: true)),
              .text("before", yielding: .init(least: 10, keepsBeginning: true)),
              .text("after", yielding: .init(least: 10, keepsBeginning: true)),
              .text("stated in", yielding: .init(least: 14, keepsBeginning: false)),
            ],
            rows: setup.changes.prefix(Self.mostSettings).map { change in
              let (before, after) = Self.shortened(change)
              let places =
                change.placeBefore == change.placeAfter
                ? change.placeBefore : "\(change.placeBefore), \(change.placeAfter)"
              return [
                Printable.text(
                  [change.machine, change.object, change.name].compactMap(\.self)
                    .reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
                    .joined(separator: " ")),
                Printable.text(before), Printable.text(after), Printable.text(places),
              ]
            })))
    }
    if setup.changes.count > Self.mostSettings {
      blocks.append(
        .paragraph("\(Quantity.count(Int64(setup.changes.count - Self.mostSettings))) more differ.")
      )
    }
    if setup.onOneSide > 0 {
      blocks.append(
        .paragraph(
          "\(Quantity.count(Int64(setup.onOneSide))) \(setup.onOneSide == 1 ? "setting is" : "settings are") stated "
            + "on one side only and cannot be compared."))
    }
    return blocks
  }

  /// Of options that are lists (`driver=raw,cache.direct=on`) the elements that differ.
  private static func shortened(_ change: SettingChange) -> (before: String, after: String) {
    guard change.before.count == 1, change.after.count == 1 else {
      return (
        change.before.isEmpty ? "-" : change.before.joined(separator: "; "),
        change.after.isEmpty ? "-" : change.after.joined(separator: "; ")
      )
    }
    let (old, new) = (
      change.before[0].split(separator: ","), change.after[0].split(separator: ",")
    )
    guard old.count > 2 || new.count > 2 else { return (change.before[0], change.after[0]) }
    let (gone, come) = (old.filter { !new.contains($0) }, new.filter { !old.contains($0) })
    return (
      gone.isEmpty ? "-" : gone.joined(separator: ","),
      come.isEmpty ? "-" : come.joined(separator: ",")
    )
  }

  private var disturbances: [Block] {
    guard !comparison.disturbances.isEmpty else { return [] }
    return [
      .table(
        Table(
          caption: "Beside the guests' own load, and in which part of the time:",
          columns: [
            .text("what", yielding: .init(least: 24, keepsBeginning: true)), .number("before"),
            .number("after"), .number("when before"), .number("when after"),
          ],
          rows: comparison.disturbances.map { one in
            [
              (Set(comparison.disturbances.map(\.guest)).count > 1
                ? Printable.text(one.guest) + ": " : "") + DisturbanceText.name(one),
              DisturbanceText.amount(one.before), DisturbanceText.amount(one.after),
              DisturbanceText.presence(one.before), DisturbanceText.presence(one.after),
            ]
          }))
    ]
      + (comparison.disturbances.contains { $0.isDifferent == nil }
        ? [.paragraph("-: the files of that side could not show it, so it cannot be judged.")] : [])
  }
}

extension LoadComparison {
  /// Whether about as many I/Os were in flight on both sides while their rate differs, as where each waits for an answer.
  var isClosedLoop: Bool {
    guard rateChange != 0, let first = before.depth, let second = after.depth, first > 0 else {
      return false
    }
    return max(first, second) <= 1.25 * min(first, second)
  }
}
