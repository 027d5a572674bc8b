internal import TraceModel
internal import TraceStore

/// What a finding may be a consequence of: one of that code, of the same guest, at the same time.
struct Precursor {
  let code: Finding.Code
  /// Whether it must have begun within the capture: of what was there throughout nobody sees what came of it.
  let needsOnset: Bool

  init(_ code: Finding.Code, needsOnset: Bool = false) {
    (self.code, self.needsOnset) = (code, needsOnset)
  }
}

extension Evidence {
  /// From the begin of a guest's first phase to the end of its last: of what holds throughout. Of a part of the capture
  /// what lies in it.
  func throughout(_ guest: String?) throws -> Finding.Extent {
    guard
      let row = try rows(
        """
        SELECT min(from_ns) AS from_ns, max(to_ns) AS to_ns FROM phase
        WHERE guest = \(guest.map(Self.literal) ?? "NULL") AND seen_by <> 'counters'
        """
      ).first, let from = row.integer("from_ns"), let to = row.integer("to_ns")
    else { return Finding.Extent() }
    return within(Finding.Extent(from: from, to: to))
  }

  /// From one moment of a trace's own clock to another, on the timeline; unknown where nothing ties the trace to that. Where
  /// nothing is tied to anything, its own clock is the timeline.
  func extent(ofTrace source: Int64, from: Int64?, to: Int64?) throws -> Finding.Extent {
    guard let from, let to, from <= to else { return Finding.Extent() }
    if let clock = try clock(ofTrace: source) {
      return within(Finding.Extent(from: clock.reference(from), to: clock.reference(to)))
    }
    return try isOwnTimeline(source)
      ? within(Finding.Extent(from: from, to: to)) : Finding.Extent()
  }

  /// All of a trace.
  func extent(ofTrace source: Int64?) throws -> Finding.Extent {
    guard let source,
      let trace = try rows("SELECT first_ns, last_ns FROM source WHERE source_id = \(source)").first
    else { return Finding.Extent() }
    return try extent(
      ofTrace: source, from: trace.integer("first_ns"), to: trace.integer("last_ns"))
  }

  /// Whether a trace is tied to the timeline, or nothing is.
  func isOwnTimeline(_ source: Int64) throws -> Bool {
    try rows("SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM clock)").isEmpty
      || clock(ofTrace: source) != nil
  }

  /// The part of it that is judged.
  private func within(_ extent: Finding.Extent) -> Finding.Extent {
    guard let window, let from = extent.from, let to = extent.to else { return extent }
    var part = extent
    part.from = max(from, window.lowerBound)
    part.to = max(min(to, window.upperBound), part.from ?? from)
    return part
  }

  /// When a cause was there and what it cost, by what the phases of the capture say of causes of these kinds; with names,
  /// of those that are called so. Without a guest: of all guests, on that machine. Nil where no phase names it.
  func cause(
    of guest: String?, on machine: String? = nil, _ kinds: Set<CauseKind>, names: [String]? = nil,
    near: Finding.Extent? = nil
  ) throws -> Finding.Extent? {
    // Phases are found in all of the capture.
    guard window == nil else { return nil }
    var conditions = [
      "phase_cause.device IS NULL", "kind IN \(Self.list(kinds.sorted { $0.name < $1.name }))",
      "phase.seen_by <> 'counters'",
    ]
    if let guest {
      conditions.append("phase_cause.guest = \(Self.literal(guest))")
    } else if let machine {
      conditions.append("phase_cause.machine = \(Self.literal(machine))")
    }
    if let names {
      conditions.append("name IN (\(names.map(Self.literal).joined(separator: ", ")))")
    }
    let found = try rows(
      """
      SELECT coalesce(began_ns, phase.from_ns) AS from_ns, coalesce(ended_ns, phase.to_ns) AS to_ns,
        phase.onset_error_ns, explains_ns,
        (SELECT phase_count FROM excess WHERE excess.guest = phase.guest AND excess.phase = phase.phase
          AND excess.device IS NULL AND op = 'all' AND hop = 'block' AND part IS NULL) AS ios
      FROM phase_cause JOIN phase ON phase.guest = phase_cause.guest AND phase.phase = phase_cause.phase
      WHERE \(conditions.joined(separator: " AND ")) AND coalesce(explains_ns, 1) > 0
      ORDER BY from_ns
      """
    ).filter { row in
      guard let near, let from = near.from, let to = near.to else { return true }
      return row.integer("from_ns") ?? .max < to && row.integer("to_ns") ?? .min > from
    }
    guard let first = found.first, let from = first.integer("from_ns"),
      let to = found.compactMap({ $0.integer("to_ns") }).max()
    else { return nil }
    let costs = found.compactMap { row -> Double? in
      guard let each = row.integer("explains_ns"), let ios = row.integer("ios") else { return nil }
      return Double(each) * Double(ios)
    }
    return Finding.Extent(
      from: from, to: to, error: first.integer("onset_error_ns") ?? 0, hasOnset: true,
      explains: costs.isEmpty ? nil : Self.time(costs.reduce(0, +)))
  }

  /// What a guest's I/Os took from Q to C, and waited for a CPU meanwhile, as a statement. It goes through all I/Os, so it
  /// does that only where a condition holds.
  func ioWaits(of guest: String, where condition: String) -> String {
    """
    SELECT count(*) AS ios, sum(block_ns) AS io_block_ns,
      total(submit_cpu_wait_ns) + total(return_cpu_wait_ns) AS io_wait_ns
    FROM \(from(.io)) WHERE \(condition) AND guest = \(Self.literal(guest)) AND leading = 1 AND op <> 'flush'
      AND block_ns IS NOT NULL AND coalesce(submit_cpu_wait_ns, return_cpu_wait_ns) IS NOT NULL
    """
  }

  /// A time in whole ns; nil where there is none of 64 bits, or it is none.
  static func time(_ nanoseconds: Double?) -> Int64? {
    nanoseconds.flatMap { Int64(exactly: $0.rounded()) }.flatMap {
      $0 > 0 && Stamp.range.contains($0) ? $0 : nil
    }
  }

  /// A host's device and the guests' disks that lie on it.
  func places(on device: String, of host: String) throws -> Set<String> {
    let disks = try rows(
      """
      SELECT DISTINCT guest, guest_device FROM device_map
      WHERE host = \(Self.literal(host)) AND host_device = \(Self.literal(device))
      """)
    return Set(
      disks.compactMap { row in
        row.text("guest").flatMap { guest in
          row.text("guest_device").map { Finding.Extent.place(guest, $0) }
        }
      }
    ).union([Finding.Extent.place(host, device)])
  }
}

extension Finding.Extent {
  /// Itself, about these disks and devices.
  func at(_ places: Set<String>) -> Finding.Extent {
    var extent = self
    extent.places = places
    return extent
  }
}

/// What was found, in the order of the report: by what it cost the guests' I/Os, then by severity, then as the rules
/// found it. Consequences follow their cause, and a mere suspicion what it would explain; what cannot be judged is last.
struct FindingOrder {
  private(set) var findings: [Finding] = []

  /// Each with what it may be a consequence of.
  init(_ found: [(finding: Finding, follows: [Precursor])]) {
    let judged = found.filter { $0.finding.confidence != .none }.enumerated().sorted {
      let (left, right) = ($0.element.finding, $1.element.finding)
      let costs = (left.extent.explains ?? 0, right.extent.explains ?? 0)
      if costs.0 != costs.1 { return costs.0 > costs.1 }
      if left.severity != right.severity { return left.severity > right.severity }
      return $0.offset < $1.offset
    }.map(\.element)
    var causes = [Int?](repeating: nil, count: judged.count)
    func root(of place: Int) -> Int {
      var root = place
      while let cause = causes[root] { root = cause }
      return root
    }
    for place in judged.indices {
      // Nothing is a consequence of its own consequence.
      guard let cause = Self.cause(of: place, judged, isSuspicion: false), root(of: cause) != place
      else { continue }
      causes[place] = cause
    }
    let roots = judged.indices.map(root)
    // A cause is as grave as what comes of it.
    var gravest: [Int: Finding.Severity] = [:]
    for (place, root) in roots.enumerated() {
      gravest[root] = max(gravest[root] ?? .info, judged[place].finding.severity)
    }
    let ordered = gravest.keys.sorted {
      let costs = (
        judged[$0].finding.extent.explains ?? 0, judged[$1].finding.extent.explains ?? 0
      )
      if costs.0 != costs.1 { return costs.0 > costs.1 }
      let (left, right) = (gravest[$0] ?? .info, gravest[$1] ?? .info)
      return left != right ? left > right : $0 < $1
    }
    var isAdded: Set<Int> = []
    func addGroup(of root: Int) {
      guard isAdded.insert(root).inserted else { return }
      let rank = findings.count + 1
      add(judged[root].finding, consequenceOf: nil)
      let others = judged.indices.filter { $0 != root && roots[$0] == root }
      for place in others { add(judged[place].finding, consequenceOf: rank) }
      for place in [root] + others {
        if let suspect = Self.cause(of: place, judged, isSuspicion: true) {
          addGroup(of: roots[suspect])
        }
      }
    }
    for root in ordered { addGroup(of: root) }
    for (finding, _) in found where finding.confidence == .none {
      add(finding, consequenceOf: nil)
    }
  }

  /// Puts one behind all others.
  mutating func add(_ finding: Finding, consequenceOf cause: Int?) {
    var ranked = finding
    ranked.rank = findings.count + 1
    ranked.consequenceOf = cause
    findings.append(ranked)
  }

  /// The first of those that it may be a consequence of. What is only suspected hides nothing that is graver: whether it is
  /// such a suspicion that is asked for.
  private static func cause(
    of place: Int, _ judged: [(finding: Finding, follows: [Precursor])], isSuspicion: Bool
  ) -> Int? {
    let (own, follows) = judged[place]
    for precursor in follows {
      if let cause = judged.indices.first(where: {
        $0 != place && judged[$0].finding.code == precursor.code
          && (!precursor.needsOnset || judged[$0].finding.extent.hasOnset)
          && isSuspicion
            == (judged[$0].finding.confidence == .low && judged[$0].finding.severity < own.severity)
          && judged[$0].finding.mayHaveCaused(own)
      }) {
        return cause
      }
    }
    return nil
  }
}

extension Finding {
  /// Whether another is of the same guest and place, and began while this was there, not before. What is no more than
  /// information causes nothing. What is about no guest may have caused what is at the same place.
  fileprivate func mayHaveCaused(_ other: Finding) -> Bool {
    let isShared = !extent.places.isDisjoint(with: other.extent.places)
    guard severity > .info, guest == other.guest || guest == nil && isShared,
      extent.places.isEmpty || other.extent.places.isEmpty || isShared
    else { return false }
    guard let from = extent.from, let to = extent.to, let begin = other.extent.from else {
      // Where no clock tells, both may have been there throughout.
      return extent.from == nil && other.extent.from == nil && !extent.hasOnset
        && !other.extent.hasOnset
    }
    let slack = extent.error.addingReportingOverflow(other.extent.error)
    let earliest = from.subtractingReportingOverflow(slack.overflow ? .max : slack.partialValue)
    return (earliest.overflow || begin >= earliest.partialValue) && begin < to
  }
}
