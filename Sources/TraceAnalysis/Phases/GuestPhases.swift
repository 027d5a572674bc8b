internal import TraceCorrelation
internal import TraceModel

/// The phases of a guest: stretches of time in which its I/O behaves alike, one after another without a gap.
struct GuestPhases {
  /// A phase.
  struct Phase {
    /// From its first moment up to that of the next phase, ns.
    var range: Range<Int64>
    /// Whether it is as things usually are: what the others are compared with.
    var isBaseline = false
    /// Half the width of the interval in which the change to it lies, ns; nil for the first, and where it begins at a
    /// moment that a person named.
    var onsetError: Int64?
    /// Whether it begins or ends for no other reason than that a person named that moment.
    var isNamed = false
    /// What differs from the phase before, or from the baseline where a person named it: `254,0 reads`.
    var signals: [String] = []
    /// By what part the latency that changed most did; 0 for the first.
    var change = 0.0
    /// Whether the guest's threads waited otherwise, too.
    var showsInWaits = false
    /// Whether nothing was completed in it.
    var isStall = false
    /// The part of it that is surely its own: without the intervals in which its ends lie, ns.
    var core: Range<Int64>
  }

  /// Stretches of time in which things stood still, ns, by their beginnings. An I/O that was in flight then says nothing of
  /// how I/Os behave.
  struct Interruptions {
    /// Nothing was completed: a phase of its own.
    var stalls: [Range<Int64>] = []
    /// The guest as a whole stood still: its I/O did not change. Each with how long it was, ns: it lies within its range.
    var pauses: [(range: Range<Int64>, length: Int64)] = []

    func touch(_ io: Range<Int64>) -> Bool {
      stalls.contains { $0.overlaps(io) } || pauses.contains { $0.range.overlaps(io) }
    }

    /// What a time that ended at a moment was without the pauses in it, ns. Left out as a whole, the long waits of what
    /// comes after a pause would be missing among the short ones.
    func withoutPauses(_ time: Int64, endedAt moment: Int64) -> Int64 {
      let own = Span(from: moment - max(0, time), to: moment)
      let paused = pauses.lazy.map { pause in
        min(
          pause.length,
          own.overlap(Span(from: pause.range.lowerBound, to: pause.range.upperBound)))
      }
      return max(0, time - paused.saturatingSum(\.self))
    }
  }

  private(set) var phases: [Phase] = []

  /// Of a block in which latencies are counted to find changes, ns.
  private static let block: Int64 = 200_000_000
  /// Blocks of a capture: the search takes time with their square, and with the number of signals.
  private static let blocks = 60...400
  private static let mostPairs = 500_000

  private static func mostBlocks(_ signals: Int) -> Int {
    let most = Int(Double(mostPairs / max(1, signals)).squareRoot())
    return min(blocks.upperBound, max(blocks.lowerBound, most))
  }
  /// How far within a phase its core begins and ends at least, ns.
  private static let margin: Int64 = 100_000_000

  /// Of a guest's I/Os, of what its threads waited for, and of the stretches of time in which nothing was completed for it,
  /// ns, by their beginnings; as far as a person named windows, those decide what is compared with what.
  init(
    _ population: PhasePopulation, _ amounts: [PhaseAmounts], _ interruptions: Interruptions,
    _ windows: NamedWindows = NamedWindows()
  ) {
    let stalls = interruptions.stalls
    guard let span = population.span, let searched = population.searched else { return }
    let grid = BlockGrid(
      from: searched.lowerBound, to: searched.upperBound, length: Self.block,
      most: Self.mostBlocks(population.devices.count * SignalKind.allCases.count))
    let fine = BlockGrid(
      from: searched.lowerBound, to: searched.upperBound, length: grid.length / 2, most: .max)
    var signals = Self.signals(population, grid)
    var levels = PhaseLevels(fine, signals: signals.count, amounts)
    Self.forEachCalm(population, interruptions) { signal, moment, latency in
      signals[signal].add(latency, at: moment)
      levels.add(latency, signal: signal, at: moment)
    } total: { moment, total in
      levels.add(total: total, at: moment)
    }
    let begin = span.lowerBound
    let end = span.upperBound + 1
    var cuts = PhaseSearch(grid, signals, amounts).cuts.filter { cut in
      let at = grid.begin(of: cut)
      return !stalls.contains {
        at >= $0.lowerBound - grid.length && at <= $0.upperBound + grid.length
      }
    }
    cuts = Self.significant(cuts, within: begin..<end, grid, levels)
    var onsets = cuts.indices.map { place in
      OnsetSearch(
        grid, signals, amounts, at: cuts[place], after: place > 0 ? cuts[place - 1] : 0,
        before: place + 1 < cuts.count ? cuts[place + 1] : grid.count)
    }
    if !onsets.isEmpty {
      Self.forEachCalm(population, interruptions) { signal, moment, latency in
        for place in onsets.indices { onsets[place].add(latency, signal: signal, at: moment) }
      }
    }
    var marks = onsets.map { onset -> Mark in
      let found = onset.onset()
      return Mark(at: found.at, error: found.error)
    }
    phases = Self.phases(begin..<end, marks, stalls)
    // What hardly an I/O shows belongs to what comes after: the change to it is where it was found.
    let empty = phases.indices.dropLast().filter {
      !phases[$0].isStall && !phases[$0 + 1].isStall && !levels.isFilled([phases[$0].core])
    }
    if !empty.isEmpty {
      let gone = Set(empty.map { phases[$0 + 1].range.lowerBound })
      marks.removeAll { gone.contains($0.at) }
      phases = Self.phases(begin..<end, marks, stalls)
    }
    // So does what lasts for less than two blocks at an end of the capture: the first I/Os after a trace began say nothing
    // of what is usual.
    let ends = phases.count > 1 ? [phases[1], phases[phases.count - 1]] : []
    let short = Set(
      zip(ends, [phases[0], phases[phases.count - 1]]).filter { next, own in
        !next.isStall && !own.isStall
          && own.range.upperBound - own.range.lowerBound < 2 * Self.block
      }.map(\.0.range.lowerBound))
    if marks.contains(where: { short.contains($0.at) }) {
      marks.removeAll { short.contains($0.at) }
      phases = Self.phases(begin..<end, marks, stalls)
    }
    let windows = windows.clamped(to: begin..<end)
    let edges = windows.edges(phases.filter { !$0.isStall }.map(\.range))
    if !edges.isEmpty {
      phases = Self.phases(begin..<end, marks + edges.map { Mark(at: $0, error: nil) }, stalls)
    }
    // Behind the signals of latencies is that of the totals, of which the others are parts.
    let names = signals.map(\.name) + [nil] + amounts.map(\.name)
    for place in phases.indices.dropFirst() {
      guard !phases[place].isStall else {
        phases[place].signals = ["completions"]
        continue
      }
      let sides = ([phases[place - 1].core], [phases[place].core])
      let changed = levels.changed(sides.0, sides.1)
      phases[place].signals = changed.compactMap { names[$0] }
      phases[place].change = levels.largestChange(of: changed, sides.0, sides.1)
      phases[place].showsInWaits = changed.contains { $0 > signals.count }
    }
    let usual = chooseBaseline(levels, signals: signals.count, windows)
    // What was named, or comes first and is not as usual, is told by how it differs from what is.
    for place in phases.indices where phases[place].isNamed || place == 0 && !phases[0].isBaseline {
      guard let usual, !phases[place].isStall else { continue }
      let sides = ([phases[usual].core], [phases[place].core])
      let changed = place == usual ? [] : levels.changed(sides.0, sides.1)
      phases[place].signals = changed.compactMap { names[$0] }
      phases[place].change = levels.largestChange(of: changed, sides.0, sides.1)
      phases[place].showsInWaits = changed.contains { $0 > signals.count }
    }
  }

  /// Of what counters say, block by block of a grid: a change lies within a block on either side of where it was found.
  init(counters amounts: [PhaseAmounts], _ grid: BlockGrid) {
    let levels = PhaseLevels(grid, signals: 0, amounts)
    let span = grid.range(of: 0..<grid.count)
    var found = PhaseSearch(grid, [], amounts).cuts
    for block in amounts.flatMap(\.edges).map(grid.block)
    where block > 0 && !found.contains(where: { abs($0 - block) < PhaseSearch.leastBlocks }) {
      found.append(block)
    }
    let cuts = Self.significant(found.sorted(), within: span, grid, levels)
    phases = Self.phases(
      span, cuts.map { Mark(at: grid.begin(of: $0), error: grid.length) }, [])
    for place in phases.indices {
      // Three blocks are few enough.
      phases[place].core = phases[place].range
      guard place > 0 else { continue }
      let changed = levels.changed([phases[place - 1].core], [phases[place].core])
      // Before the amounts is the series of totals, which has nothing here.
      let own = changed.filter { $0 > 0 }.map { amounts[$0 - 1] }
      phases[place].signals = own.map(\.name)
      phases[place].onsetError = own.map(\.interval).min() ?? grid.length
    }
    for place in phases.indices {
      phases[place].isBaseline =
        place == 0
        || !phases[place - 1].isBaseline && levels.isAlike(phases[0].core, phases[place].core)
    }
  }

  // MARK: Signals

  /// What of a disk's I/Os is looked at.
  private enum SignalKind: Int, CaseIterable {
    case reads, writes, pageCache

    var words: String {
      switch self {
      case .reads: "reads"
      case .writes: "writes"
      case .pageCache: "page cache"
      }
    }
  }

  private static func signals(_ population: PhasePopulation, _ grid: BlockGrid) -> [PhaseSignal] {
    population.devices.flatMap { device in
      SignalKind.allCases.map { PhaseSignal("\(device) \($0.words)", grid) }
    }
  }

  /// The latencies of each I/O that was not in flight while nothing was completed, ns, with the place of their signal.
  private static func forEachCalm(
    _ population: PhasePopulation, _ interruptions: Interruptions,
    _ body: (_ signal: Int, _ moment: Int64, _ latency: Int64) -> Void,
    total: (_ moment: Int64, _ total: Int64) -> Void = { _, _ in }
  ) {
    population.forEach { device, moment, io in
      guard let block = io.times[.block].nanoseconds,
        !interruptions.touch(moment..<moment + max(1, block))
      else { return }
      let first = device * SignalKind.allCases.count
      // What it had waited in the page cache before it may hold a pause, too.
      let cache = io.times[.pageCache].nanoseconds.map {
        interruptions.withoutPauses($0, endedAt: moment)
      }
      switch io.operation {
      case .read: body(first + SignalKind.reads.rawValue, moment, block)
      case .write: body(first + SignalKind.writes.rawValue, moment, block)
      case .discard, .flush, .other: break
      }
      if let cache { body(first + SignalKind.pageCache.rawValue, moment, cache) }
      total(moment, Stamp.sum(block, cache ?? 0))
    }
  }

  /// The cuts on both sides of which latencies differ by what matters.
  ///
  /// One that is too weak may be the true one beside another: of a neighbour that comes by and by the first effect is
  /// small, and the largest difference lies later. So it goes, or the one beside it, whichever is worth less alone.
  private static func significant(
    _ found: [Int], within span: Range<Int64>, _ grid: BlockGrid, _ levels: PhaseLevels
  ) -> [Int] {
    func edges(_ cuts: [Int]) -> [Int64] {
      [span.lowerBound] + cuts.map(grid.begin(of:)) + [span.upperBound]
    }
    func sides(_ place: Int, _ cuts: [Int]) -> ([Range<Int64>], [Range<Int64>]) {
      let edges = edges(cuts)
      return ([edges[place]..<edges[place + 1]], [edges[place + 1]..<edges[place + 2]])
    }
    func distance(_ place: Int, _ cuts: [Int]) -> Double {
      let sides = sides(place, cuts)
      return levels.distance(sides.0, sides.1)
    }
    var cuts = found
    while true {
      let weak = cuts.indices.filter { place in
        let sides = sides(place, cuts)
        return !levels.differ(sides.0, sides.1)
      }
      guard let weakest = weak.min(by: { distance($0, cuts) < distance($1, cuts) }) else {
        return cuts
      }
      // Its neighbours, each with what either of the two is worth without the other.
      let rival = [weakest - 1, weakest + 1].filter(cuts.indices.contains).first { rival in
        var (own, other) = (cuts, cuts)
        own.remove(at: rival)
        other.remove(at: weakest)
        let place = rival < weakest ? weakest - 1 : weakest
        let sides = sides(place, own)
        return levels.differ(sides.0, sides.1)
          && distance(place, own) > distance(rival < weakest ? rival : rival - 1, other)
      }
      cuts.remove(at: rival ?? weakest)
    }
  }

  // MARK: Phases

  /// A moment at which a phase begins, ns.
  private struct Mark {
    let at: Int64
    /// Nil where a person named it.
    let error: Int64?
    var isStall = false
  }

  private static func phases(
    _ span: Range<Int64>, _ onsets: [Mark], _ stalls: [Range<Int64>]
  ) -> [Phase] {
    let stallError: Int64 = 5_000_000
    var marks = onsets
    for stall in stalls
    where stall.lowerBound > span.lowerBound && stall.upperBound < span.upperBound {
      marks.append(Mark(at: stall.lowerBound, error: stallError, isStall: true))
      marks.append(Mark(at: stall.upperBound, error: stallError))
      // Nothing begins in it.
      marks.removeAll {
        $0.error == nil && stall.lowerBound <= $0.at && $0.at <= stall.upperBound
      }
    }
    marks.sort { $0.at < $1.at }
    var phases: [Phase] = []
    var next = Phase(range: span, core: span)
    for mark in marks where mark.at > next.range.lowerBound && mark.at < span.upperBound {
      var own = next
      own.range = own.range.lowerBound..<mark.at
      own.isNamed = own.isNamed || mark.error == nil
      phases.append(own)
      next = Phase(
        range: mark.at..<span.upperBound, onsetError: mark.error, isNamed: mark.error == nil,
        isStall: mark.isStall, core: span)
    }
    phases.append(next)
    for place in phases.indices {
      let own = phases[place].range
      phases[place].core = own
      guard !phases[place].isStall else { continue }
      let before = phases[place].onsetError.map { max(margin, $0) } ?? 0
      let after =
        place + 1 < phases.count ? max(margin, phases[place + 1].onsetError ?? 0) : 0
      if own.upperBound - after > own.lowerBound + before {
        phases[place].core = own.lowerBound + before..<own.upperBound - after
      }
    }
    return phases
  }

  /// By what part of a mean a phase that follows another one differs from the baseline at least: less
  /// of a change does not matter. Of the waits in the page cache, which go up and down with the moments at which it is
  /// written back, only much of a change keeps what is as before from Q to C from being the baseline again.
  private static func leastDeparture(_ place: Int, of signals: Int) -> Double? {
    // Totals are made of the others.
    guard place < signals else { return nil }
    return place % SignalKind.allCases.count == SignalKind.pageCache.rawValue ? 0.5 : 0.1
  }

  /// The baseline is the first phase, unless a person named another, and what does not differ from it. Its place.
  private mutating func chooseBaseline(
    _ levels: PhaseLevels, signals: Int, _ windows: NamedWindows
  ) -> Int? {
    func isIn(_ window: Range<Int64>?, _ place: Int) -> Bool {
      NamedWindows.belongs(phases[place].range, to: window)
    }
    let calm = phases.indices.filter { !phases[$0].isStall }
    let usual = calm.filter { !isIn(windows.symptom, $0) }
    guard let first = usual.first(where: { isIn(windows.baseline, $0) }) ?? usual.first else {
      return nil
    }
    phases[first].isBaseline = true
    // What differs from the phase before it and not from the baseline is as things were before.
    for place in usual where place != first {
      guard !isIn(windows.baseline, place) else {
        phases[place].isBaseline = true
        continue
      }
      // Cut off by nothing but a name, it is the rest, or what the rest is compared with.
      guard !phases[place].isNamed else {
        phases[place].isBaseline = windows.baseline == nil
        continue
      }
      guard place == 0 || !phases[place - 1].isBaseline else { continue }
      let own = phases[place].core
      phases[place].isBaseline =
        !levels.differ([phases[first].core], [own]) { Self.leastDeparture($0, of: signals) }
        && !levels.differInSymptoms(calm.filter { $0 < place }.map { phases[$0].core }, own)
    }
    return first
  }
}
