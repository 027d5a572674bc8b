internal import TraceCorrelation
internal import TraceModel

/// What a guest itself counted as stolen from its CPUs, interval by interval on the timeline of its I/Os: all that a guest
/// without its host's traces knows of waits for a CPU.
struct StolenTime {
  /// Begin and end of each interval, ns, and what was stolen in it, ns a second of all its CPUs together.
  private let intervals: [(span: Span, rate: Double)]

  /// Intervals on either side of a change at least.
  private static let least = 3
  private static let confidence = 0.95
  /// What surely changed by less than this share of the whole is cleared.
  private static let clearedShare = 0.1

  /// Nil where nothing was ever stolen: a guest whose hypervisor does not tell it counts 0.
  init?(_ intervals: [(span: Span, rate: Double)]) {
    guard intervals.contains(where: { $0.rate > 0 }) else { return nil }
    self.intervals = intervals
  }

  /// The interval that holds its change from the baseline to a phase, ns for each I/O in the phase; nil where it may
  /// be more than a tenth of what the I/Os changed by, or that is not sure itself.
  func cleared(
    _ phase: Int, _ phases: [GuestPhases.Phase], _ excess: PhaseExcess
  ) -> (low: Double, high: Double)? {
    let row = excess.rows.first {
      $0.phase == phase && $0.device == nil && $0.operation == nil && $0.hop == .block
    }
    guard let row, let whole = row.interval, whole.low > 0 || whole.high < 0,
      let before = level(phases.filter(\.isBaseline).map(\.core)),
      let after = level([phases[phase].core])
    else { return nil }
    let core = phases[phase].core
    let seconds = Double(core.upperBound - core.lowerBound) / 1e9
    guard row.count > 0, seconds > 0 else { return nil }
    let rate = Double(row.count) / seconds
    let change = (after.mean - before.mean) / rate
    let width = after.halfWidth(to: before, confidence: Self.confidence) / rate
    let limit = Self.clearedShare * abs(Double(row.delta))
    guard width.isFinite, change - width >= -limit, change + width <= limit else { return nil }
    return (change - width, change + width)
  }

  /// Of the intervals that lie within stretches of time.
  private func level(_ ranges: [Range<Int64>]) -> PhaseLevel? {
    let own = intervals.filter { interval in
      ranges.contains { $0.lowerBound <= interval.span.from && interval.span.to <= $0.upperBound }
    }
    return own.count < Self.least ? nil : PhaseLevel(own.map { (sum: $0.rate, count: 1.0) })
  }
}
