@testable import TraceAnalysis

/// The latencies of a run in ns, and when each began, ns.
struct TimedRun {
  var values: [Int64] = []
  var moments: [Int64] = []

  /// As the means over time that the length of blocks comes from.
  func wave(_ stretch: CellGrid.Stretch) -> LatencyWave {
    var wave = LatencyWave(stretch)
    for (moment, value) in zip(moments, values) { wave.add(value, at: moment) }
    return wave
  }
}

/// Runs counted as a comparison does it: how they are distributed decides what is told apart, then all are
/// counted by cell of time. The stretches of the grids are the runs.
func counted(
  _ before: [TimedRun], _ beforeGrid: CellGrid, _ after: [TimedRun], _ afterGrid: CellGrid
) -> (before: CountedLatencies, after: CountedLatencies) {
  func binned(_ run: TimedRun) -> BinnedLatencies {
    var bins = BinnedLatencies()
    for value in run.values { bins.add(value) }
    return bins
  }
  let cuts = LatencyCut.pair(before: before.map(binned), after: after.map(binned))
  func side(_ cut: LatencyCut, _ runs: [TimedRun], _ grid: CellGrid) -> CountedLatencies {
    var samples = CountedLatencies(cut, cells: grid.cells)
    for (place, run) in runs.enumerated() {
      for (value, moment) in zip(run.values, run.moments) {
        samples.add(value, cell: grid.cell(place, at: moment))
      }
    }
    return samples
  }
  return (side(cuts.before, before, beforeGrid), side(cuts.after, after, afterGrid))
}
