internal import TraceModel
internal import TraceStore

/// What a first reading of a disk's I/Os on one side says: what it had to do, how each hop is distributed, and for
/// how long its latencies are correlated. It decides what a second reading counts.
struct DiskSurvey {
  /// One for each trace.
  let stretches: [CellGrid.Stretch]
  /// The greatest bound of a clock that was crossed, ns; 0 where none was.
  private(set) var clockBound: Int64 = 0
  /// Whether the time in the page cache of any I/O is known.
  private(set) var hasPageCache = false
  /// By trace, then by hop.
  private var waves: [[LatencyWave]]
  /// By run, then by hop and operation.
  private var bins: [[BinnedLatencies]]
  /// The place of each trace's run.
  private let runs: [Int]
  private var counter: LoadCounter

  /// The known operations, and one place for all others.
  private static let operations = BlockOperation.allCases.count + 1

  init(_ stretches: [CellGrid.Stretch]) {
    self.stretches = stretches
    let numbers = Set(stretches.map(\.run)).sorted()
    runs = stretches.map { numbers.firstIndex(of: $0.run) ?? 0 }
    waves = stretches.map { stretch in Hop.allCases.map { _ in LatencyWave(stretch) } }
    bins = numbers.map { _ in
      [BinnedLatencies](repeating: BinnedLatencies(), count: Hop.allCases.count * Self.operations)
    }
    counter = LoadCounter(stretches)
  }

  /// Takes an I/O of a trace.
  mutating func add(_ io: DiskIO, of trace: Int) {
    counter.add(io, of: trace)
    if io.times[.pageCache].isSeen { hasPageCache = true }
    guard io.isWhole else { return }
    clockBound = max(clockBound, io.clockError)
    let operation = io.operation?.rawValue ?? Self.operations - 1
    for (place, hop) in Hop.allCases.enumerated() {
      guard let value = io.times[hop].nanoseconds else { continue }
      bins[runs[trace]][place * Self.operations + operation].add(value)
      waves[trace][place].add(value, at: io.moment)
    }
  }

  /// What the disk had to do.
  var load: DiskLoad { counter.load }

  /// How a hop's latencies go over time, trace by trace.
  func waves(of hop: Hop) -> [LatencyWave] {
    waves.map { $0[Self.place(hop)] }
  }

  /// How a hop's latencies are distributed, run by run: those of an operation, or without one of all that carry
  /// data.
  func latencies(of hop: Hop, _ operation: BlockOperation?) -> [BinnedLatencies] {
    bins.map { run in
      var sum = BinnedLatencies()
      for place in 0..<Self.operations
      where operation.map({ $0.rawValue == place }) ?? (place != BlockOperation.flush.rawValue) {
        sum.add(run[Self.place(hop) * Self.operations + place])
      }
      return sum
    }
  }

  private static func place(_ hop: Hop) -> Int { Hop.allCases.firstIndex(of: hop) ?? 0 }
}

/// Counts what a disk had to do. Flushes carry no data and are not counted.
struct LoadCounter {
  private let seconds: Double
  private var (count, reads, known) = (0, 0, 0)
  private var (bytes, inFlight) = (0.0, 0.0)
  private var operations: [String: Int] = [:]
  /// By powers of two of sectors.
  private var sizes = [Int](repeating: 0, count: Int64.bitWidth)
  /// How steady the load is: over twenty stretches of time.
  private let grid: CellGrid
  private var perCell: [Double]

  init(_ stretches: [CellGrid.Stretch]) {
    let length = stretches.saturatingSum(\.length)
    seconds = Double(length) / 1e9
    grid = CellGrid(stretches, block: length / 20)
    perCell = [Double](repeating: 0, count: grid.cells)
  }

  mutating func add(_ io: DiskIO, of trace: Int) {
    guard io.operation != .flush else { return }
    count += 1
    if io.operation == .read { reads += 1 }
    operations[io.operation?.name ?? "other", default: 0] += 1
    let sectors = max(0, io.sectors)
    bytes += Double(sectors) * 512
    sizes[Int64.bitWidth - sectors.leadingZeroBitCount] += 1
    perCell[grid.cell(trace, at: io.moment)] += 1
    if let block = io.times[.block].nanoseconds {
      inFlight += Double(block) / 1e9
      known += 1
    }
  }

  var load: DiskLoad {
    var load = DiskLoad()
    load.seconds = seconds
    load.count = count
    guard count > 0 else { return load }
    let all = Double(count)
    load.readShare = Double(reads) / all
    load.meanBytes = bytes / all
    if seconds > 0 {
      load.rate = all / seconds
      if Double(known) >= 0.9 * all { load.depth = inFlight / seconds }
    }
    load.operations = operations.mapValues { Double($0) / all }
    for (size, members) in sizes.enumerated() where members > 0 {
      load.sizes[size] = Double(members) / all
    }
    load.rateVariation = Self.variation(grid.blocks(perCell))
    return load
  }

  private static func variation(_ values: [Double]) -> Double? {
    guard values.count > 1 else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    guard mean > 0 else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot() / mean
  }
}
