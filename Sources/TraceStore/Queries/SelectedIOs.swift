internal import GRDB
public import TraceModel

/// What statistics need of one I/O of a selection.
public struct SelectedIO: Sendable {
  /// When it was queued on the reference timeline, or where nothing relates the clocks on the guest's, ns; nil where that
  /// was not seen.
  public let moment: Int64?
  /// What it is for.
  public let operation: BlockOperation
  /// How sure its match is.
  public let grade: MatchGrade
  /// Its hops, ns.
  public let times: HopTimes
}

extension IncidentFile {
  /// Hands out the I/Os of a filter in their order, out of the table itself: the view `io` would make text of much of them.
  /// Throws ``StoreError`` for a number that its column cannot hold.
  public func forEachIO(_ filter: IOFilter, _ body: (SelectedIO) throws -> Void) throws {
    let operation = filter.op.map { BlockOperation(name: $0) }
    // An operation that none has.
    if case .some(nil) = operation { return }
    var conditions = ["block_kind.stream_id IN (\(try streams(filter)))"]
    let queued = "coalesce(guest_io.reference_ns, guest_io.queued_at_ns)"
    if let from = filter.from { conditions.append("\(queued) >= \(from)") }
    if let to = filter.to { conditions.append("\(queued) < \(to)") }
    if let operation = operation ?? nil {
      conditions.append("guest_io.op = \(operation.rawValue)")
    }
    let hops = Hop.measured.map { "guest_io.\($0.column)" }.joined(separator: ", ")
    try translating {
      try queue.unsafeReentrantRead { db in
        let rows = try RawStatement(
          db,
          """
          SELECT \(queued), guest_io.op, guest_io.match_grade, \(Self.driver(of: "guest_io")), \(hops)
          FROM guest_io JOIN block_request USING (request_id) JOIN block_kind USING (kind_id)
          WHERE \(conditions.joined(separator: " AND ")) ORDER BY io_id
          """)
        while try rows.step() { try body(SelectedIO(rows)) }
      }
    }
  }

  /// The stretches of the traces of a filter's disks, as SQL lists them.
  private func streams(_ filter: IOFilter) throws -> String {
    let numbers: [Int64] = try fetch(
      """
      SELECT stream_id FROM block_stream JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE layer = 'guest' AND (?1 IS NULL OR machine.name = ?1) AND (?2 IS NULL OR block_stream.device = ?2)
      """, [filter.guest, filter.device]
    ) { try $0[0] }
    return numbers.map { "\($0)" }.joined(separator: ", ")
  }
}

extension SelectedIO {
  /// What the statement's columns can hold, in their order.
  private static let ranges =
    (["reference_ns", "op", "match_grade", "driver_ns"] + Hop.measured.map(\.column))
    .map(NumberRange.of)

  /// The statement's current row.
  fileprivate init(_ row: RawStatement) throws {
    // A name would be made for each of a dozen columns of a row: only where it is needed.
    func time(_ column: Int, _ name: @autoclosure () -> String) throws -> Stamp {
      let number = row.integer(Int32(column))
      if number != .min, !Self.ranges[column].contains(number) {
        try NumberRange.check(number, name())
      }
      return Stamp(number)
    }
    moment = try time(0, "reference_ns").nanoseconds
    guard let operation = BlockOperation(rawValue: Int(truncatingIfNeeded: row.integer(1))),
      let grade = MatchGrade(rawValue: Int(truncatingIfNeeded: row.integer(2)))
    else {
      throw StoreError(.damaged, "has a damaged row among its I/Os; 'hiddenq check' says more")
    }
    (self.operation, self.grade) = (operation, grade)
    var times = try HopTimes { try time(4 + $0, Hop.measured[$0].column) }
    times.driver = try time(3, "driver_ns")
    self.times = times
  }
}
