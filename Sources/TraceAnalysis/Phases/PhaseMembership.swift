internal import TraceCorrelation
internal import TraceModel

/// To which phases an I/O belongs, and to which batch of time.
struct PhaseMembership {
  /// Batches of time whose spread says how far a mean may be off.
  let grid: BlockGrid
  private let phases: [GuestPhases.Phase]
  private let hasStalls: Bool

  /// Of a batch, ns.
  private static let batch: Int64 = 100_000_000
  private static let mostBatches = 256

  /// Nil where there is nothing but the baseline.
  init?(_ population: PhasePopulation, _ phases: [GuestPhases.Phase]) {
    guard let span = population.span, phases.contains(where: { !$0.isBaseline }) else { return nil }
    self.phases = phases
    hasStalls = phases.contains(where: \.isStall)
    grid = BlockGrid(
      from: span.lowerBound, to: span.upperBound, length: Self.batch, most: Self.mostBatches)
  }

  /// The places: that of each phase that is not the baseline is its number, and the last is the baseline.
  var places: Int { phases.count + 1 }
  var baseline: Int { phases.count }

  /// Each place to which an I/O belongs.
  func forEachPlace(of io: GuestIO, at moment: Int64, _ body: (Int) -> Void) {
    var isInStall = false
    if hasStalls {
      let end = Stamp.sum(moment, io.times[.block].nanoseconds ?? 0)
      for (place, phase) in phases.enumerated() where phase.isStall {
        if moment < phase.range.upperBound && end > phase.range.lowerBound {
          isInStall = true
          body(place)
        }
      }
    }
    guard let own = phases.firstIndex(where: { $0.core.contains(moment) }), !phases[own].isStall
    else { return }
    if !phases[own].isBaseline {
      body(own)
    } else if !isInStall {
      body(baseline)
    }
  }
}
