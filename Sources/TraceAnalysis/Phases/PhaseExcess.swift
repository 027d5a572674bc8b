internal import TraceCorrelation
internal import TraceModel

/// By how much each hop changed from the baseline to a phase: the means of either, whose differences add up over the hops
/// to that of the total.
struct PhaseExcess {
  typealias Quantiles = (p50: Int64, p90: Int64, p99: Int64)

  /// A hop's change in a phase; times in ns.
  struct Row {
    /// The disk's place among those of the guest; nil for all of them.
    let device: Int?
    let operation: BlockOperation?
    let phase: Int
    let hop: Hop
    let baselineCount: Int64
    let count: Int64
    /// An I/O that has no such hop counts as 0.
    let baselineMean: Int64
    let mean: Int64
    /// The interval that holds the difference of the means; nil where there are too few I/Os.
    let interval: (low: Double, high: Double)?
    /// Of the change of the total.
    let share: Double?
    /// Of the I/Os that have the hop.
    let baselineQuantiles: Quantiles?
    let quantiles: Quantiles?

    var delta: Int64 { mean - baselineMean }

    /// Whether it is surely no chance.
    var isSure: Bool { interval.map { $0.low > 0 || $0.high < 0 } ?? false }

    /// By how much it changed, ns, where that is a tenth of the mean and surely no chance.
    var sureChange: Double? {
      let change = abs(Double(delta))
      guard isSure, change >= 0.1 * Double(baselineMean) else { return nil }
      return change
    }

    /// Whether any I/O of either side has it.
    var isObserved: Bool { quantiles != nil && baselineQuantiles != nil }
  }

  /// A hop that did not change while the whole did.
  struct Cleared {
    let device: Int?
    let phase: Int
    let hop: Hop
    let low: Double
    let high: Double
  }

  private(set) var rows: [Row] = []
  private(set) var cleared: [Cleared] = []

  /// Of the intervals.
  static let confidence = 0.95
  /// With fewer I/Os in the baseline, or in a phase, nothing is said; in a stall one is enough.
  private static let least: (baseline: Int64, phase: Int64, stall: Int64) = (30, 20, 1)
  /// A layer whose change is surely within this share of the whole change is cleared.
  private static let clearedShare = 0.1

  init(_ population: PhasePopulation, _ phases: [GuestPhases.Phase]) {
    guard let membership = PhaseMembership(population, phases) else { return }
    // By device, the last for all; then by operation, the last for all; then by phase, 0 for the baseline.
    let operations: [BlockOperation?] = [.read, .write, nil]
    let devices = population.devices.count
    var sums = (0...devices).map { _ in
      operations.map { _ in (0..<membership.places).map { _ in HopSums() } }
    }
    population.forEach { device, moment, io in
      let batch = membership.grid.block(at: moment)
      membership.forEachPlace(of: io, at: moment) { phase in
        for (place, operation) in operations.enumerated()
        where operation == nil || operation == io.operation {
          sums[device][place][phase].add(io.times, batch)
          if devices > 1 { sums[devices][place][phase].add(io.times, batch) }
        }
      }
    }
    for device in devices > 1 ? Array(0...devices) : [0, devices] {
      // One disk is all of them.
      let own = sums[devices > 1 ? device : 0]
      for (phase, found) in phases.enumerated() where !found.isBaseline {
        var clear: [Hop: [(isClear: Bool, low: Double, high: Double)]] = [:]
        for (place, operation) in operations.enumerated() {
          let rows = Self.rows(
            own[place][phases.count], own[place][phase], population.side.hops, operation, phase,
            device: device < devices ? device : nil, isStall: found.isStall)
          self.rows += rows
          // A hop that no I/O shows is not cleared: nothing is known of it.
          for row in rows where row.hop.index != nil && row.hop != .block && row.isObserved {
            // Waits in the page cache would hide what changed from Q to C. Where they changed the other way, the whole changed
            // by less: a layer that holds a tenth of that is not cleared either.
            let total = rows.first { $0.hop == .total }
            let whole = row.hop == .pageCache ? total : rows.first { $0.hop == .block }
            guard let change = whole?.sureChange else { continue }
            let (low, high) = row.interval ?? (-.infinity, .infinity)
            let limit = Self.clearedShare * min(change, abs(Double(total?.delta ?? 0)))
            clear[row.hop, default: []].append((low >= -limit && high <= limit, low, high))
          }
        }
        for (hop, found) in clear.sorted(by: { ($0.key.index ?? 0) < ($1.key.index ?? 0) })
        where found.allSatisfy(\.isClear) {
          cleared.append(
            Cleared(
              device: device < devices ? device : nil, phase: phase, hop: hop,
              low: found.map(\.low).min() ?? 0, high: found.map(\.high).max() ?? 0))
        }
      }
    }
  }

  private static func rows(
    _ baseline: HopSums, _ phase: HopSums, _ parts: [Hop], _ operation: BlockOperation?,
    _ number: Int, device: Int?, isStall: Bool
  ) -> [Row] {
    guard baseline.count >= least.baseline,
      phase.count >= (isStall ? least.stall : least.phase)
    else { return [] }
    func row(_ hop: Hop, _ means: (Int64, Int64), total: Int64?) -> Row {
      let (before, after) = (baseline.level(hop), phase.level(hop))
      let width = before.flatMap { before in
        after.map { $0.halfWidth(to: before, confidence: confidence) }
      }
      let delta = Double(means.1 - means.0)
      return Row(
        device: device, operation: operation, phase: number, hop: hop,
        baselineCount: baseline.count, count: phase.count, baselineMean: means.0, mean: means.1,
        interval: width.flatMap { $0.isFinite ? (delta - $0, delta + $0) : nil },
        share: total.flatMap { $0 == 0 ? nil : delta / Double($0) },
        baselineQuantiles: baseline.quantiles(hop), quantiles: phase.quantiles(hop))
    }
    // Rounded one by one, so that whole nanoseconds add up.
    let means = parts.map { hop -> (Hop, (Int64, Int64)) in
      (hop, (baseline.mean(hop), phase.mean(hop)))
    }.filter { hop, means in !Hop.withoutHost.contains(hop) || means != (0, 0) }
    let total: (Int64, Int64) = means.reduce((0, 0)) {
      (Stamp.sum($0.0, $1.1.0), Stamp.sum($0.1, $1.1.1))
    }
    let cache = means.first { $0.0 == .pageCache }?.1 ?? (0, 0)
    let delta = total.1 - total.0
    return means.map { row($0.0, $0.1, total: delta) } + [
      row(.block, (total.0 - cache.0, total.1 - cache.1), total: delta),
      row(.total, total, total: delta),
    ]
  }
}

/// What the hops of some I/Os add up to, batch of time by batch.
private struct HopSums {
  private static let hops: [Hop] = Hop.parts + [.belowGuest, .block, .total]

  private(set) var count: Int64 = 0
  private var whole = [Double](repeating: 0, count: HopSums.hops.count)
  private var histograms = [LatencyHistogram](repeating: LatencyHistogram(), count: hops.count)
  /// By batch; as many as were needed so far.
  private var counts: [Double] = []
  /// By batch, then by hop.
  private var sums: [Double] = []

  mutating func add(_ times: HopTimes, _ batch: Int) {
    let width = Self.hops.count
    if counts.count <= batch {
      let missing = batch + 1 - counts.count
      counts += repeatElement(0, count: missing)
      sums += repeatElement(0, count: missing * width)
    }
    count += 1
    counts[batch] += 1
    for place in 0..<width {
      guard let time = times[Self.hops[place]].nanoseconds else { continue }
      sums[batch * width + place] += Double(time)
      whole[place] += Double(time)
      histograms[place].add(time)
    }
  }

  func mean(_ hop: Hop) -> Int64 {
    guard let place = Self.hops.firstIndex(of: hop), count > 0 else { return 0 }
    return Int64((whole[place] / Double(count)).rounded())
  }

  func level(_ hop: Hop) -> PhaseLevel? {
    guard let place = Self.hops.firstIndex(of: hop) else { return nil }
    return PhaseLevel(counts.indices.map { (sums[$0 * Self.hops.count + place], counts[$0]) })
  }

  func quantiles(_ hop: Hop) -> PhaseExcess.Quantiles? {
    guard let place = Self.hops.firstIndex(of: hop),
      let p50 = histograms[place].quantile(0.5), let p90 = histograms[place].quantile(0.9),
      let p99 = histograms[place].quantile(0.99)
    else { return nil }
    return (p50, p90, p99)
  }
}
