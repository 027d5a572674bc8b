internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What guests' threads waited for a CPU that threads of others held, over time, out of the one forward reading of a host's
/// trace. All that they wait for holds much besides, in which the coming of a neighbour may drown: their own fellows', the
/// kernel's, the recording tools'.
final class NeighbourWaits {
  /// Of a cell, ns.
  private static let cell: Int64 = 50_000_000
  private static let mostCells = 4_096

  /// The threads that wait, each with the guest's place among ``guests``.
  private var victims: [Int64: Int] = [:]
  private let guests: [String]
  private let threads: [Int64: TracedThreadRow]
  private let owners: [Int64: ThreadOwners.Owner]
  private let ignored: Set<String>
  /// Whose waits behind a neighbour these are; nil where it is no neighbour.
  private var known = Culprits.PairMemo<Int?>()
  /// On the trace's clock.
  private let grid: BlockGrid
  /// By guest, ns.
  private var cells: [[Double]]

  /// Nil where none of the guests has a thread; `span` is the trace's, own ns, `ignored` are the names of threads that do
  /// not count.
  init?(
    of guests: Set<String>, _ threads: [Int64: TracedThreadRow],
    _ owners: [Int64: ThreadOwners.Owner], span: Span, ignored: Set<String>
  ) {
    let names = guests.sorted()
    for thread in threads.values where thread.tid > 0 && thread.segment == 0 {
      guard let place = owners[thread.id]?.guest.flatMap(names.firstIndex(of:)) else { continue }
      victims[thread.id] = place
    }
    guard !victims.isEmpty else { return nil }
    (self.guests, self.threads, self.owners, self.ignored) = (names, threads, owners, ignored)
    grid = BlockGrid(from: span.from, to: span.to, length: Self.cell, most: Self.mostCells)
    cells = names.map { [grid] _ in [Double](repeating: 0, count: grid.count) }
  }

  /// Sees the waits.
  var watch: Culprits.Watch {
    Culprits.Watch(Set(victims.keys)) { self.add($0) }
  }

  private func add(_ part: Culprits.Part) {
    let span = part.span
    let guest = known.value(of: part) { isOthers($0) ? victims[$0.victim] : nil }
    guard let guest, span.to > span.from else { return }
    for block in grid.block(at: span.from)...grid.block(at: span.to - 1) {
      let own = grid.range(of: block)
      let part = min(span.to, own.upperBound) - max(span.from, own.lowerBound)
      if part > 0 { cells[guest][block] += Double(part) }
    }
  }

  private func isOthers(_ pair: Culprits.Pair) -> Bool {
    guard !ignored.contains(threads[pair.culprit]?.name ?? "") else { return false }
    switch CulpritClass(
      pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
      isThrottled: false)
    {
    case .host, .guest, .throttled: return true
    case .kernel, .sibling, .unknown: return false
    }
  }

  /// By guest that has threads in the trace, on the reference timeline.
  func amounts(on clock: SchedulerClock) -> [String: PhaseAmounts] {
    let last = clock.reference(grid.begin(of: grid.count) - 1)
    let placed = BlockGrid(
      from: clock.reference(grid.start), to: last, length: grid.length, most: 2 * Self.mostCells)
    var found: [String: PhaseAmounts] = [:]
    for guest in Set(victims.values) {
      var sums = [Double](repeating: 0, count: placed.count)
      for (block, amount) in cells[guest].enumerated() where amount > 0 {
        // Clocks that drift make of a cell a little more or less of one.
        let from = clock.reference(grid.begin(of: block))
        let to = max(from + 1, clock.reference(grid.begin(of: block + 1)))
        for own in placed.block(at: from)...placed.block(at: to - 1) {
          let range = placed.range(of: own)
          let part = min(to, range.upperBound) - max(from, range.lowerBound)
          if part > 0 { sums[own] += amount * Double(part) / Double(to - from) }
        }
      }
      found[guests[guest]] = PhaseAmounts("waits behind neighbours", placed, sums).asSymptom
    }
    return found
  }
}
