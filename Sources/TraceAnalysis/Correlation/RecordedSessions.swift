internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What recordings say of the sessions that made them: which clocks count the same counter of a processor.
///
/// A host and the guests that trace-cmd recorded with it know each other by the numbers of their sessions. By the
/// protocol `kvm` a guest's events have the host's times already, so both count the host's cycles; so does a recording
/// of perf on that host whose clock is made of them.
struct RecordedSessions {
  private let rows: [Int64: TraceSessionRow]

  init(_ file: IncidentFile) throws {
    rows = Dictionary(
      uniqueKeysWithValues: try file.traceSessions().map { ($0.source, $0) })
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The guests' recordings of which one says how its clock was related to its host's.
  var shifted: [TraceSessionRow] {
    rows.values.filter { $0.machine.layer == .guest && $0.session.peer != nil }
      .sorted { $0.source < $1.source }
  }

  /// Recordings of hosts that count cycles, by their numbers.
  var hosts: [TraceSessionRow] {
    rows.values.filter { $0.machine.layer == .host && $0.session.cycles != nil }
      .sorted { $0.source < $1.source }
  }

  /// A guest's recording.
  func row(_ source: Int64) -> TraceSessionRow? { rows[source] }

  /// How a guest's clock lies on that of a recording of the host of its session; nil where they do not count the same
  /// cycles. `span`: the first to the last event, own ns.
  func relation(
    of source: Int64, over span: ClosedRange<Int64>, to reference: Int64
  ) -> ExactRelation? {
    guard let guest = rows[source], let host = rows[reference], guest.session.shift == .kvm,
      let peer = guest.session.peer, let own = guest.session.cycles,
      let other = host.session.cycles,
      rows.values.contains(where: { $0.machine == host.machine && $0.session.id == peer })
    else { return nil }
    let middle = span.lowerBound + (span.upperBound - span.lowerBound) / 2
    let gain = own.gain(of: other)
    // Two conversions of one counter are nearly the same.
    guard abs(gain) <= Self.mostGain, let moved = own.time(middle, on: other) else { return nil }
    return ExactRelation(own: middle, reference: moved, gain: gain)
  }

  private static let mostGain = 200e-6

  /// A moment of a guest's clock on its host's, as messages measured it, ns, and how far that may be off.
  func measured(
    of source: Int64, to reference: Int64
  ) -> [(own: Int64, reference: Int64, error: Int64)] {
    guard let guest = rows[source], let host = rows[reference], guest.session.shift == .ptp,
      let peer = guest.session.peer, host.session.id == peer
    else { return [] }
    let moments = guest.session.measured.compactMap { moment -> (own: Int64, apart: Int64)? in
      let (apart, isTooFar) = moment.host.subtractingReportingOverflow(moment.own)
      let (sum, isFarther) = apart.addingReportingOverflow(host.session.added)
      return isTooFar || isFarther || sum.magnitude > 1 << 61 ? nil : (moment.own, sum)
    }
    guard let least = moments.map(\.apart).min(), let most = moments.map(\.apart).max() else {
      return []
    }
    // They vary by what the messages were late; that all of them were late by as much does not show.
    let error = most - least + Self.leastError
    return moments.map { ($0.own, $0.own + $0.apart, error) }
  }

  /// What a measured relation may be off on a busy machine, ns: 24 ms were seen where both clocks were one.
  private static let leastError: Int64 = 30_000_000
}
