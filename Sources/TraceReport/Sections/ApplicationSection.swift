internal import TraceModel
internal import TraceStore

/// What the application saw of its I/Os (fio's logs and sums) beside what the guest's block layer did: the difference lies above Q.
struct ApplicationSection: ReportSection {
  static let anchor = Anchor("application")

  /// Seconds that both show, and the part of the I/Os of one that the other has, at least.
  private static let (least, alike) = (5, 0.9)

  /// Sums of a second.
  private struct Second {
    var ios = 0.0
    var time = 0.0
  }

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let series = try file.rows(
      """
      SELECT machine, object, max(at_ns) AS last_ns FROM counter_value
      WHERE tool = 'fio lat' AND counter = 'ios' AND at_ns IS NOT NULL GROUP BY machine, object ORDER BY machine, object
      """)
    var facts: [Fact] = []
    for row in series {
      // `fiolog_lat.1 write 4096`
      let words = row.text("object")?.split(separator: " ") ?? []
      guard let machine = row.text("machine"), let object = row.text("object"), words.count == 3,
        request.filter.guest ?? machine == machine, let zero = row.integer("last_ns"),
        let size = Int64(words[2]),
        let own = try Self.row(
          file, machine, object, size: size, String(words[1]), zero: zero)
      else { continue }
      facts.append(own)
    }
    let sums = try ApplicationSums.facts(file, request)
    guard !facts.isEmpty || !sums.isEmpty else { return [] }
    var blocks: [Block] = [.heading("What the application saw")]
    if !facts.isEmpty {
      blocks += [
        .paragraph(
          "fio's own latencies beside Q to C of the guest's I/Os of that size and direction, over the seconds that both "
            + "show. What lies above Q is submission, the file system and the way back to the program."
        ),
        .facts(facts),
      ]
    }
    if !sums.isEmpty {
      blocks += [
        .paragraph(
          "Sums of whole jobs by fio, from the submission to the completion of an I/O; quantiles as fio prints them."
        ),
        .facts(sums),
      ]
    }
    return blocks
  }

  private static func row(
    _ file: IncidentFile, _ machine: String, _ object: String, size: Int64, _ way: String,
    zero: Int64
  ) throws -> Fact? {
    func sums(_ sql: String) throws -> [Int64: Second] {
      var found: [Int64: Second] = [:]
      for row in try file.rows(sql) {
        guard let second = row.integer("second"), let ios = row.number("ios"),
          let time = row.number("time_ns"), ios > 0
        else { continue }
        found[second, default: Second()].ios += ios
        found[second, default: Second()].time += time
      }
      return found
    }
    let name = SQLText.literal(machine)
    // A reading is at the end of its second.
    let own = try sums(
      """
      SELECT CAST((at_ns - \(zero)) / 1e9 + 1000000.5 AS INTEGER) AS second,
        sum(CASE WHEN counter = 'ios' THEN delta END) AS ios,
        sum(CASE WHEN counter = 'latency_ns' THEN delta END) AS time_ns
      FROM counter_value WHERE machine = \(name) AND tool = 'fio lat' AND object = \(SQLText.literal(object))
        AND at_ns IS NOT NULL AND interval_ns BETWEEN 900000000 AND 1100000000
      GROUP BY second
      """)
    let block = try sums(
      """
      SELECT CAST((reference_ns + block_ns - \(zero)) / 1e9 + 1000001 AS INTEGER) AS second, count(*) AS ios,
        sum(block_ns) AS time_ns
      FROM io JOIN (SELECT request_id, comm FROM request) AS asked USING (request_id)
      WHERE guest = \(name) AND comm GLOB 'fio*' AND op = \(SQLText.literal(way)) AND sectors = \(size / 512) AND block_ns IS NOT NULL
        AND reference_ns IS NOT NULL
      GROUP BY second
      """)
    // The first and the last second of either are cut.
    let common = Set(own.keys).intersection(block.keys).sorted().dropFirst().dropLast()
    guard common.count >= least else { return nil }
    let pairs = common.map { (own[$0] ?? Second(), block[$0] ?? Second()) }
    let (seen, traced) = pairs.reduce((Second(), Second())) { sum, pair in
      var next = sum
      next.0.ios += pair.0.ios
      next.0.time += pair.0.time
      next.1.ios += pair.1.ios
      next.1.time += pair.1.time
      return next
    }
    let label = Printable.text(
      object.split(separator: " ").first.map(String.init) ?? object)
    let words =
      "\(way)s of \(Quantity.count(size)) B: \(Quantity.time(seen.time / seen.ios)) on average by fio "
      + "(\(Quantity.count(Int64(seen.ios)))), \(Quantity.time(traced.time / traced.ios)) from Q to C "
      + "(\(Quantity.count(Int64(traced.ios))))"
    guard min(seen.ios, traced.ios) >= alike * max(seen.ios, traced.ios) else {
      return Fact(label, words + ": these are not the same I/Os")
    }
    let difference = seen.time / seen.ios - traced.time / traced.ios
    let error = 1.96 * Self.error(pairs, seen, traced)
    guard difference > -error else {
      return Fact(label, words + ": fio did not wait for the disk (buffered writes)")
    }
    return Fact(
      label,
      words
        + "; \(Quantity.time(difference)) above Q, between \(Quantity.time(difference - error)) and "
        + "\(Quantity.time(difference + error)) (95 %)")
  }

  /// The standard error of the difference of the two means: each second left out in turn.
  private static func error(
    _ pairs: [(Second, Second)], _ seen: Second, _ traced: Second
  ) -> Double {
    let values = pairs.compactMap { own, block -> Double? in
      let (ios, others) = (seen.ios - own.ios, traced.ios - block.ios)
      guard ios > 0, others > 0 else { return nil }
      return (seen.time - own.time) / ios - (traced.time - block.time) / others
    }
    guard values.count > 1 else { return 0 }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let sum = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return ((count - 1) / count * sum).squareRoot()
  }
}
