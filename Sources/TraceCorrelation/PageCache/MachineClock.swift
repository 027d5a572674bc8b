/// How the clock of one tool lies against that of another on the same machine, from events that both saw.
///
/// Both tools stamp the same event within a microsecond or so, but their clocks run at slightly different
/// rates, and the difference may step. So it is a line, piece by piece.
public struct MachineClock: Sendable {
  /// A stretch without a step.
  public struct Piece: Sendable {
    /// First own moment, ns.
    public let from: Int64
    /// Last own moment, ns.
    public let to: Int64
    /// An own moment and the same on the other clock, ns.
    let origin: (own: Int64, other: Int64)
    /// How much faster the other clock runs.
    let drift: Double
    /// The largest difference of a pair from the line, ns.
    public let error: Int64
    /// Pairs that it rests on.
    public let pairs: Int
    /// Pairs that were taken out.
    public let removedPairs: Int

    /// Parts per million.
    public var driftPPM: Double { drift * 1e6 }

    /// Other minus own at own = 0, ns.
    public var offset: Double {
      Double(origin.other - origin.own) - drift * Double(origin.own)
    }

    func map(_ own: Int64) -> Int64 {
      let since = own &- origin.own
      return origin.other &+ since &+ Int64((drift * Double(since)).rounded())
    }
  }

  /// In order of time.
  public let pieces: [Piece]
  /// What it rests on.
  public let method: Method

  /// How it was found.
  public enum Method: String, Sendable {
    /// Both tools saw them.
    case sameEvents = "same events"
    /// The writes of a thread lie within its write-back.
    case containment = "writes within write-back"
  }

  /// The same moment on the other clock, ns.
  public func map(_ own: Int64) -> Int64 { piece(at: own).map(own) }

  /// How far that may be off, ns: outside its span the line is less and less sure.
  public func error(at own: Int64) -> Int64 {
    let piece = piece(at: own)
    let outside = max(0, piece.from - own, own - piece.to)
    let span = max(1, piece.to - piece.from)
    return piece.error + Int64(Double(piece.error) * 2 * Double(outside) / Double(span))
  }

  /// The largest bound within the spans, ns.
  public var largestError: Int64 { pieces.map(\.error).max() ?? 0 }

  private func piece(at own: Int64) -> Piece {
    var best = pieces[0]
    for piece in pieces.dropFirst() where own >= (best.to + piece.from) / 2 { best = piece }
    return best
  }

  // MARK: - Out of the same events

  /// The same event, on both clocks.
  struct Pair {
    let own: Int64
    let other: Int64

    var difference: Int64 { other - own }
  }

  /// Two clocks of one machine do not run apart faster.
  private static let mostDrift = 200e-6
  /// What may lie between the two stamps of one event besides drift, ns.
  private static let wander: Int64 = 1_000_000
  /// Fewer pairs are no proof.
  private static let fewest = 5
  /// A key that occurs more often in one of the traces says little.
  private static let mostOccurrences = 16
  /// A difference from the line that two stamps of one event may have, ns.
  private static let jitter: Double = 3_000

  /// Lines through what both traces have: for each key the moments in either. Nil when they have too little
  /// in common.
  init?<Key: Hashable>(own: [Key: [Int64]], other: [Key: [Int64]]) {
    var candidates: [(difference: Int64, own: Int64, other: Int64)] = []
    for (key, mine) in own where mine.count <= Self.mostOccurrences {
      guard let theirs = other[key], theirs.count <= Self.mostOccurrences else { continue }
      for a in mine { for b in theirs { candidates.append((b - a, a, b)) } }
    }
    candidates.sort { ($0.difference, $0.own) < ($1.difference, $1.own) }
    let times = candidates.map(\.own)
    let span = (times.max() ?? 0) - (times.min() ?? 0)
    let width = Self.wander + Int64(Self.mostDrift * Double(span))
    var pieces: [Piece] = []
    // One cluster of differences for each stretch between steps.
    while pieces.count < 16 {
      var best = 0..<0
      var from = 0
      for to in candidates.indices {
        while candidates[to].difference - candidates[from].difference > width { from += 1 }
        if to + 1 - from > best.count { best = from..<(to + 1) }
      }
      guard best.count >= Self.fewest else { break }
      var seen: [Int64: Int] = [:]
      for candidate in candidates[best] { seen[candidate.own, default: 0] += 1 }
      let pairs = candidates[best].filter { seen[$0.own] == 1 }
        .map { Pair(own: $0.own, other: $0.other) }.sorted {
          ($0.own, $0.other) < ($1.own, $1.other)
        }
      let found = Self.fit(pairs[...], depth: 0)
      guard let first = found.first, let last = found.last,
        found.reduce(0, { $0 + $1.pairs }) * 2 >= pairs.count
      else { break }
      // A second cluster is another stretch, not what chance makes within the first.
      let isApart = pieces.allSatisfy { last.to < $0.from || first.from > $0.to }
      guard pieces.isEmpty || isApart else { break }
      pieces += found
      candidates.removeAll { $0.own >= first.from && $0.own <= last.to }
    }
    guard !pieces.isEmpty else { return nil }
    self.pieces = pieces.sorted { $0.from < $1.from }
    method = .sameEvents
  }

  /// A line, or several where the difference steps by less than the width of a cluster.
  private static func fit(_ pairs: ArraySlice<Pair>, depth: Int) -> [Piece] {
    guard pairs.count >= fewest, let whole = line(pairs) else { return [] }
    if whole.removedPairs * 20 <= pairs.count || depth == 6 || pairs.count < 8 * fewest {
      return [whole]
    }
    // Where cutting leaves the fewest pairs out.
    var best: (removed: Int, left: Piece, right: Piece, cut: Int)?
    for part in 1..<32 {
      let cut = pairs.startIndex + pairs.count * part / 32
      guard let left = line(pairs[..<cut]), let right = line(pairs[cut...]) else { continue }
      let removed = left.removedPairs + right.removedPairs
      if removed < best?.removed ?? .max { best = (removed, left, right, cut) }
    }
    guard let best, best.removed * 2 < whole.removedPairs else { return [whole] }
    return fit(pairs[..<best.cut], depth: depth + 1) + fit(pairs[best.cut...], depth: depth + 1)
  }

  /// The line that most pairs lie on.
  private static func line(_ pairs: ArraySlice<Pair>) -> Piece? {
    guard pairs.count >= fewest, let first = pairs.first else { return nil }
    let origin = first.own
    let base = first.difference
    func x(_ pair: Pair) -> Double { Double(pair.own - origin) }
    func y(_ pair: Pair) -> Double { Double(pair.difference - base) }
    // Slopes over half of the span, and the middle one of them.
    let half = pairs.count / 2
    var slopes: [Double] = []
    for index in pairs.startIndex..<(pairs.endIndex - half) {
      let length = x(pairs[index + half]) - x(pairs[index])
      if length > 0 { slopes.append((y(pairs[index + half]) - y(pairs[index])) / length) }
    }
    slopes.sort()
    var slope = slopes.isEmpty ? 0 : slopes[slopes.count / 2]
    slope = min(max(slope, -mostDrift), mostDrift)
    let rests = pairs.map { y($0) - slope * x($0) }.sorted()
    var height = rests[rests.count / 2]
    let spread = pairs.map { abs(y($0) - slope * x($0) - height) }.sorted()[pairs.count / 2]
    let limit = max(jitter, 4 * spread)
    let kept = pairs.filter { abs(y($0) - slope * x($0) - height) <= limit }
    let count = Double(kept.count)
    let meanX = kept.reduce(0) { $0 + x($1) } / count
    let meanY = kept.reduce(0) { $0 + y($1) } / count
    var square = 0.0
    var product = 0.0
    for pair in kept {
      square += (x(pair) - meanX) * (x(pair) - meanX)
      product += (x(pair) - meanX) * (y(pair) - meanY)
    }
    if square > 0, kept.count >= fewest {
      slope = min(max(product / square, -mostDrift), mostDrift)
      height = meanY - slope * meanX
    }
    let worst = kept.map { abs(y($0) - slope * x($0) - height) }.max() ?? 0
    return Piece(
      from: first.own, to: pairs[pairs.endIndex - 1].own,
      origin: (origin, origin + base + Int64(height.rounded())), drift: slope,
      error: Int64(worst.rounded(.up)), pairs: kept.count, removedPairs: pairs.count - kept.count)
  }

  // MARK: - Out of containment

  /// An offset out of what one thread did in both: each of its moments on the other clock lies within one
  /// of its stretches on the own clock. Nil when too few agree.
  init?(stretches: [UInt32: [ClosedRange<Int64>]], moments: [UInt32: [Int64]]) {
    var intervals: [OffsetVoting.Interval] = []
    var voters: Int32 = 0
    for (thread, times) in moments.sorted(by: { $0.key < $1.key }) {
      guard let ranges = stretches[thread] else { continue }
      // Enough to tell, and bounded: pairs grow with the product.
      for time in times.prefix(512) {
        for range in ranges.prefix(512) {
          intervals.append(
            OffsetVoting.Interval(
              low: time - range.upperBound, high: time - range.lowerBound, voter: voters))
        }
        voters += 1
      }
    }
    guard let peak = OffsetVoting.peak(intervals), peak.voters >= 2 * Self.fewest,
      Double(peak.voters) >= 0.8 * Double(voters)
    else { return nil }
    let offset = peak.low + (peak.high - peak.low) / 2
    let own = stretches.values.joined()
    let from = own.map(\.lowerBound).min() ?? 0
    let to = own.map(\.upperBound).max() ?? 0
    pieces = [
      Piece(
        from: from, to: to, origin: (from, from + offset), drift: 0,
        error: (peak.high - peak.low + 1) / 2, pairs: peak.voters,
        removedPairs: Int(voters) - peak.voters)
    ]
    method = .containment
  }
}
