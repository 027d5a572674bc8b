internal import TraceModel
internal import TraceStore

/// How the blocks of a hop were made: stated in the output.
public struct BlockStatement: Sendable {
  /// The guest; nil where it is about none.
  public let guest: String?
  /// The disk; nil where it is about none.
  public let device: String?
  /// The hop, or what else the samples are of.
  public let subject: String
  /// The length of a block, s.
  public let seconds: Double
  /// Blocks before.
  public let before: Int
  /// Blocks after.
  public let after: Int
  /// The samples are correlated over longer times than the blocks could be made.
  public let isTooShort: Bool
}

/// One guest disk, before against after.
struct DiskComparison {
  let guest: String
  let device: String
  let load: LoadComparison
  private(set) var statements: [BlockStatement] = []
  private(set) var lines: [ComparisonLine] = []
  private(set) var distributions: [HopDistributions] = []

  /// The traces of a disk in one of a side's files.
  struct Trace {
    let run: Int
    let samples: DiskSamples
    let stretch: CellGrid.Stretch

    init?(run: Int, _ samples: DiskSamples) {
      guard let start = samples.moments.min(), let end = samples.moments.max() else { return nil }
      self.run = run
      self.samples = samples
      stretch = CellGrid.Stretch(run: run, start: start, end: end)
    }
  }

  /// Flushes carry no data and have other costs: they are no part of `all`.
  private static let flush = BlockOperation.flush.rawValue

  init(
    guest: String, device: String, before: [Trace], after: [Trace], settings: ComparisonSettings
  ) {
    self.guest = guest
    self.device = device
    load = LoadComparison(
      guest: guest, device: device, before: Self.load(before), after: Self.load(after))
    let judge = LineJudge(
      settings: settings, clockBound: Self.clockBound(before) + Self.clockBound(after),
      load: load)
    let operations = [nil] + BlockOperation.inReports
    var families = operations.map { _ in [LineJudge.Pending]() }
    for hop in Hop.allCases {
      let own = (before.map { Self.observed(hop, $0) }, after.map { Self.observed(hop, $0) })
      guard !(own.0 + own.1).allSatisfy(\.samples.values.isEmpty) else { continue }
      let length = BlockLength.common(own.0.map(\.samples), own.1.map(\.samples))
      let sides = TwoSides(
        before: CellGrid(before.map(\.stretch), block: length.block),
        after: CellGrid(after.map(\.stretch), block: length.block), settings: settings)
      let sorted = (Self.sorted(own.0, sides.before), Self.sorted(own.1, sides.after))
      for (family, operation) in operations.enumerated() {
        let first = Self.samples(operation, of: sorted.0)
        let second = Self.samples(operation, of: sorted.1)
        guard first.count > 0 || second.count > 0 else { continue }
        if operation == nil {
          distributions.append(
            HopDistributions(
              guest: guest, device: device, hop: hop, before: HopDistributions.points(first),
              after: HopDistributions.points(second)))
        }
        families[family] += pending(hop, operation, first, second, sides, before, after)
      }
      statements.append(
        BlockStatement(
          guest: guest, device: device, subject: hop.rawValue,
          seconds: Double(length.block) / 1e9, before: sides.before.blocks,
          after: sides.after.blocks, isTooShort: length.isTooShort))
    }
    lines = families.flatMap { family in
      // The hops of one operation and statistic are a family for Holm's correction.
      Statistic.allCases.flatMap { statistic in
        judge.judged(family.filter { $0.line.statistic == statistic })
      }
    }
  }

  /// The lines of a hop of one operation, still to be judged.
  private func pending(
    _ hop: Hop, _ operation: BlockOperation?, _ first: SortedSamples, _ second: SortedSamples,
    _ sides: TwoSides, _ before: [Trace], _ after: [Trace]
  ) -> [LineJudge.Pending] {
    let outcomes = sides.outcomes(before: first, after: second)
    let obstacle = obstacle(operation, hop, before, after)
    return Statistic.allCases.map { statistic in
      var line = ComparisonLine(
        guest: guest, device: device, object: nil, op: operation?.name ?? "all",
        subject: hop.rawValue,
        statistic: statistic, unit: .nanoseconds, countBefore: first.count,
        countAfter: second.count)
      line.before = statistic.value(of: first)
      line.after = statistic.value(of: second)
      return LineJudge.Pending(
        line: line, outcome: outcomes[statistic], obstacle: obstacle, blocks: sides.blocks,
        crossesClock: hop == .virtioSubmit || hop == .virtioReturn,
        leastSamples: statistic.leastSamples, whole: hop.whole?.rawValue)
    }
  }

  /// What stands against judging a hop's lines at all.
  private func obstacle(
    _ operation: BlockOperation?, _ hop: Hop, _ before: [Trace], _ after: [Trace]
  ) -> String? {
    if let first = load.obstacles.first(where: { operation == nil || !$0.onlyAll }) {
      return "not comparable: " + first.what
    }
    if hop == .total, Self.hasPageCache(before) != Self.hasPageCache(after) {
      return "the page cache was observed on one side only; see block"
    }
    return nil
  }

  private static func hasPageCache(_ traces: [Trace]) -> Bool {
    traces.contains { $0.samples.columns[0].contains { $0 != .min } }
  }

  private static func clockBound(_ traces: [Trace]) -> Double {
    Double(traces.compactMap(\.samples.clockError).max() ?? 0)
  }

  // MARK: Samples

  /// A hop of the I/Os of a trace in which it was observed, and what they are for.
  private struct Observed {
    var samples: TimedSamples
    var operations: [UInt8] = []
  }

  private static func observed(_ hop: Hop, _ trace: Trace) -> Observed {
    var observed = Observed(samples: TimedSamples(stretch: trace.stretch))
    let samples = trace.samples
    for index in samples.moments.indices where samples.isWhole[index] {
      let value = samples.value(of: hop, at: index)
      guard value != .min else { continue }
      observed.samples.moments.append(samples.moments[index])
      observed.samples.values.append(value)
      observed.operations.append(samples.operations[index])
    }
    return observed
  }

  /// Sorted once for all operations: each is in the upper bits of its cell.
  private static func sorted(_ traces: [Observed], _ grid: CellGrid) -> SortedSamples {
    var values: [Int64] = []
    var cells: [Int32] = []
    for (place, trace) in traces.enumerated() {
      values += trace.samples.values
      for (moment, operation) in zip(trace.samples.moments, trace.operations) {
        cells.append(Int32(operation) << operationShift | Int32(grid.cell(place, at: moment)))
      }
    }
    return SortedSamples(values, cells: cells)
  }

  /// Far more cells than there can be.
  private static let operationShift: Int32 = 24

  /// Those of an operation; without one all that carry data.
  private static func samples(
    _ operation: BlockOperation?, of all: SortedSamples
  ) -> SortedSamples {
    all.filtered { tagged in
      let own = Int(tagged >> operationShift)
      guard operation.map({ own == $0.rawValue }) ?? (own != flush) else { return nil }
      return tagged & (1 << operationShift - 1)
    }
  }

  // MARK: Load

  private static func load(_ traces: [Trace]) -> DiskLoad {
    var load = DiskLoad()
    var (reads, bytes, inFlight, known) = (0, 0.0, 0.0, 0)
    var operations: [UInt8: Int] = [:]
    var sizes: [Int: Int] = [:]
    // How steady the load is: over twenty stretches of time.
    let length = traces.reduce(0) { $0 + $1.stretch.length }
    let grid = CellGrid(traces.map(\.stretch), block: length / 20)
    var perCell = [Double](repeating: 0, count: grid.cells)
    for (place, trace) in traces.enumerated() {
      let samples = trace.samples
      load.seconds += Double(trace.stretch.length) / 1e9
      for index in samples.moments.indices where samples.operations[index] != flush {
        load.count += 1
        if samples.operations[index] == BlockOperation.read.rawValue { reads += 1 }
        operations[samples.operations[index], default: 0] += 1
        let sectors = max(0, samples.sectors[index])
        bytes += Double(sectors) * 512
        sizes[Int64.bitWidth - sectors.leadingZeroBitCount, default: 0] += 1
        perCell[grid.cell(place, at: samples.moments[index])] += 1
        let block = samples.value(of: .block, at: index)
        if block != .min {
          inFlight += Double(block) / 1e9
          known += 1
        }
      }
    }
    guard load.count > 0 else { return load }
    let count = Double(load.count)
    load.readShare = Double(reads) / count
    load.meanBytes = bytes / count
    if load.seconds > 0 {
      load.rate = count / load.seconds
      if Double(known) >= 0.9 * count { load.depth = inFlight / load.seconds }
    }
    for (operation, members) in operations {
      let name = BlockOperation(rawValue: Int(operation))?.name ?? "other"
      load.operations[name, default: 0] += Double(members) / count
    }
    load.sizes = sizes.mapValues { Double($0) / count }
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

extension Hop {
  /// What this is a part of, and is compared only with.
  fileprivate var whole: Hop? {
    switch self {
    case .virtioSubmit, .virtioReturn: .virtioQueue
    case .block: .total
    case .pageCache, .guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue, .belowGuest,
      .total:
      nil
    }
  }
}

extension DiskSamples {
  /// A hop of one I/O, ns; the lowest integer where it was not observed.
  @inline(__always)
  func value(of hop: Hop, at index: Int) -> Int64 {
    switch hop {
    case .pageCache: return columns[0][index]
    case .guestScheduler: return columns[1][index]
    case .virtioSubmit: return columns[2][index]
    case .virtioReturn: return columns[3][index]
    case .hostScheduler: return columns[4][index]
    case .hardwareQueue: return columns[5][index]
    case .block: return columns[6][index]
    case .virtioQueue:
      let (submit, back) = (columns[2][index], columns[3][index])
      return submit == .min || back == .min ? .min : submit + back
    case .belowGuest:
      let (scheduler, block) = (columns[1][index], columns[6][index])
      return scheduler == .min || block == .min || columns[2][index] != .min
        ? .min : block - scheduler
    case .total:
      let (block, cache) = (columns[6][index], columns[0][index])
      return block == .min ? .min : block + (cache == .min ? 0 : cache)
    }
  }
}
