internal import TraceCorrelation
internal import TraceModel

/// The times over which what may be a cause is measured: the core of each phase, those of the baseline taken together.
struct PhasePeriods {
  /// By number: each phase's own, unused for those of the baseline; the last is the baseline.
  let count: Int
  /// Of all, ns, in the order of time.
  private var cores: [(range: Range<Int64>, period: Int)]
  /// What each adds up to, ns.
  private(set) var lengths: [Int64]

  /// The phase that stands for the baseline; nil where that is shown itself.
  private(set) var standIn: Int?

  /// The baseline's number.
  var baseline: Int { count - 1 }

  init(_ phases: [GuestPhases.Phase]) {
    count = phases.count + 1
    cores = phases.enumerated().map { ($1.core, $1.isBaseline ? phases.count : $0) }
    lengths = [Int64](repeating: 0, count: phases.count + 1)
    for core in cores {
      lengths[core.period].add(saturating: core.range.upperBound - core.range.lowerBound)
    }
  }

  /// In which one a moment lies; nil near a change.
  func period(at moment: Int64) -> Int? {
    cores.first { $0.range.contains(moment) }?.period
  }

  /// How much of a span lies in which, ns, without an allocation.
  func forEachPart(_ span: Span, _ body: (_ period: Int, _ part: Int64) -> Void) {
    for core in cores {
      let part = min(span.to, core.range.upperBound) - max(span.from, core.range.lowerBound)
      if part > 0 { body(core.period, part) }
    }
  }

  /// How much of a span lies in which, ns.
  private func parts(_ span: Span) -> [(period: Int, part: Int64)] {
    cores.compactMap { core in
      let part = min(span.to, core.range.upperBound) - max(span.from, core.range.lowerBound)
      return part > 0 ? (core.period, part) : nil
    }
  }

  /// The same, as far as a trace reaches; nil where it does not show a fair part of each period.
  func within(_ span: Span) -> PhasePeriods? {
    var covered = self
    covered.lengths = [Int64](repeating: 0, count: count)
    for (period, part) in parts(span) { covered.lengths[period].add(saturating: part) }
    let isFair = zip(covered.lengths, lengths).allSatisfy { Double($0) >= Self.fair * Double($1) }
    return isFair ? covered : nil
  }

  /// The same for a trace that does not show a fair part of the baseline: what it tells of is compared with the first
  /// phase that it shows. Nil where it does not show a fair part of all those behind that.
  func withinFromFirst(_ span: Span) -> PhasePeriods? {
    if let whole = within(span) { return whole }
    func isShown(_ range: Range<Int64>) -> Bool {
      let part = min(span.to, range.upperBound) - max(span.from, range.lowerBound)
      return Double(part) >= Self.fair * Double(range.upperBound - range.lowerBound)
    }
    guard let first = cores.firstIndex(where: { isShown($0.range) }),
      cores[first...].allSatisfy({ $0.period != baseline && isShown($0.range) })
    else { return nil }
    var own = self
    own.standIn = cores[first].period
    own.cores = Array(cores[first...]) + [(cores[first].range, baseline)]
    own.lengths = [Int64](repeating: 0, count: count)
    for (period, part) in own.parts(span) { own.lengths[period].add(saturating: part) }
    return own
  }

  private static let fair = 0.3

  /// An amount a second, by period; 0 where a period has no time.
  func rates(_ amounts: [Double]) -> [Double] {
    zip(amounts, lengths).map { $1 > 0 ? $0 / (Double($1) / 1e9) : 0 }
  }
}
