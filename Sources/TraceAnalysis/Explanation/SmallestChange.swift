internal import Glibc
internal import TraceModel
internal import TraceStore

/// How small a change of a guest's I/Os, from Q to C, a capture would have shown: one that lasts for half of it.
public enum SmallestChange: Sendable, Equatable {
  /// A change by this share of the latencies.
  case share(Double)
  /// Too few I/Os to tell.
  case unknown

  /// Whether a capture says much by its silence: it would have shown a change by half.
  public var isSure: Bool {
    if case .share(let share) = self { share <= Self.most } else { false }
  }

  /// A change is found from about so many standard errors on, since it is sought at every moment; with those added it is
  /// found in four of five captures.
  private static let errors = 4.0 + 0.84
  private static let most = 0.5
  /// Above that there is no number.
  private static let largest = 5.0
  /// Independent stretches of time on both sides together.
  private static let leastBatches = 8
  /// Of the stretches in which I/Os are counted, ns.
  private static let cell: Int64 = 100_000_000
  private static let mostCells = 4_096

  /// Of the filter's guest, disk and operation. Reads the I/Os one by one and keeps none.
  init(_ file: IncidentFile, _ filter: IOFilter) throws {
    self = .unknown
    let traces = try file.diskTraces().filter {
      $0.guest == filter.guest && (filter.device == nil || $0.device == filter.device)
    }
    guard let first = traces.map(\.first).min(), let last = traces.map(\.last).max() else { return }
    let grid = BlockGrid(from: first, to: last, length: Self.cell, most: Self.mostCells)
    var (counts, sums) = ([Double](repeating: 0, count: grid.count), [0.0])
    sums = counts
    var logs = counts
    // By disk and operation, as changes are sought.
    var members: [[BlockOperation: Int]] = traces.map { _ in [:] }
    try file.forEachIO(of: traces) { place, io in
      guard let operation = io.operation, operation != .flush,
        filter.op == nil || filter.op == operation.name, let block = io.times[.block].nanoseconds
      else { return }
      let cell = grid.block(at: io.moment)
      counts[cell] += 1
      sums[cell] += Double(block)
      logs[cell] += log(Double(max(1, block)))
      members[place][operation, default: 0] += 1
    }
    guard members.contains(where: { $0.values.contains { $0 >= PhaseSignal.least } }) else {
      return
    }
    let count = counts.reduce(0, +)
    let mean = logs.reduce(0, +) / count
    let means = counts.indices.map { counts[$0] > 0 ? logs[$0] / counts[$0] : mean }
    let batch = max(1, Int(BlockLength.automatic(means).rounded()))
    func level(_ values: [Double]) -> PhaseLevel? {
      let level = PhaseLevel(
        stride(from: 0, to: grid.count, by: batch).map { first in
          (first..<min(first + batch, grid.count)).reduce((0.0, 0.0)) {
            ($0.0 + values[$1], $0.1 + counts[$1])
          }
        })
      return level.flatMap { $0.batches >= Self.leastBatches ? $0 : nil }
    }
    guard let sums = level(sums), let logs = level(logs), sums.mean > 0 else { return }
    // Either half has half of the batches: the error of their difference is twice that of the whole.
    let share = min(
      exp(Self.errors * 2 * logs.error) - 1, Self.errors * 2 * sums.error / sums.mean)
    if share <= Self.largest { self = .share(max(share, PhaseLevels.leastChange)) }
  }
}
