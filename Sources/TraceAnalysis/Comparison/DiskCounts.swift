internal import TraceModel
internal import TraceStore

/// The I/Os of a disk on one side, hop by hop and operation by operation, counted by cell of time.
struct DiskCounts {
  /// A hop that is watched.
  struct CountedHop {
    let hop: Hop
    let grid: CellGrid
    /// By family.
    var families: [CountedLatencies]
  }

  /// The operations whose lines are told apart; without one all that carry data.
  static let families = [nil] + BlockOperation.inReports
  /// The family of each operation, by its raw value.
  private static let places = BlockOperation.allCases.map { families.firstIndex(of: $0) }

  private(set) var hops: [CountedHop] = []

  /// Counts a hop from now on: a cut for each family.
  mutating func watch(_ hop: Hop, _ grid: CellGrid, _ cuts: [LatencyCut]) {
    hops.append(
      CountedHop(
        hop: hop, grid: grid, families: cuts.map { CountedLatencies($0, cells: grid.cells) }))
  }

  /// Counts an I/O of one of the side's traces, one of those that the cuts were made from.
  mutating func add(_ io: DiskIO, of trace: Int) {
    guard io.isWhole else { return }
    let family = io.operation.flatMap { Self.places[$0.rawValue] }
    for place in hops.indices {
      guard let value = io.times[hops[place].hop].nanoseconds else { continue }
      let cell = hops[place].grid.cell(trace, at: io.moment)
      // Flushes carry no data and have other costs: they are no part of all.
      if io.operation != .flush { hops[place].families[0].add(value, cell: cell) }
      if let family { hops[place].families[family].add(value, cell: cell) }
    }
  }

  /// The memory that the counts take, bytes.
  var size: Int { hops.reduce(0) { $1.families.reduce($0) { $0 + $1.size } } }
}
