/// Fits a clock to pairs of which some may be wrong, and finds where it stepped.
///
/// Pairs in the order of time are taken as long as some line allows them all. What stops them is either a
/// wrong pair, and without it they go on, or a step of the clock, and then a line of its own begins. Pairs
/// that both lines allow lie around the step and belong to neither.
enum ClockFit {
  /// So many further pairs must go together once a pair is taken out, for it to be a wrong one.
  private static let confirmation = 8
  /// A line that fewer pairs support is no stretch of a clock.
  private static let fewest = 5
  /// More wrong pairs than this share mean that guest and host do not belong together.
  private static let mostWrong = 0.05

  /// The stretches of the clock, in order; empty when the pairs do not go together.
  static func fit(_ pairs: [CausalPair]) -> [ClockRelation] {
    var rest = pairs.sorted { ($0.cause, $0.end) < ($1.cause, $1.end) }
    let most = max(3, Int(Double(pairs.count) * mostWrong))
    var stretches: [(pairs: [CausalPair], removed: Int)] = []
    var removed = 0
    var removedInAll = 0
    while !rest.isEmpty {
      let stop = longestPrefix(rest[...])
      if stop == rest.count {
        stretches.append((rest, removed))
        break
      }
      if let wrong = wrongPair(rest, stop) {
        rest.remove(at: wrong)
        removed += 1
        removedInAll += 1
        if removedInAll > most { return [] }
        continue
      }
      // A step. The new line's run goes back beyond the pair that stopped the old one.
      let reach = longestPrefix(rest[stop...])
      let back = longestSuffix(rest[..<(stop + reach)])
      if back >= fewest {
        stretches.append((Array(rest[..<back]), removed))
      } else {
        removedInAll += back
        if removedInAll > most { return [] }
      }
      removed = 0
      rest.removeFirst(stop)
    }
    let relations = stretches.filter { $0.pairs.count >= min(fewest, pairs.count) }
      .compactMap { ClockRelation($0.pairs, removed: $0.removed) }
    return relations
  }

  /// The pair without which those around the stop go together further on; nil when there is none: a step.
  private static func wrongPair(_ pairs: [CausalPair], _ stop: Int) -> Int? {
    // Looked at over the pairs just before and after the stop: enough to tell, and quick.
    let from = max(0, stop - 4 * confirmation)
    let to = min(pairs.count, stop + 1 + confirmation)
    // Either the one that stopped us, or the one before it with which it does not go together.
    let partner = longestSuffix(pairs[..<(stop + 1)]) - 1
    for suspect in [stop, partner] where suspect >= 0 && suspect < pairs.count {
      var all = pairs[..<to]
      all.remove(at: suspect)
      guard isFeasible(all) else { continue }
      // At the very end of the trace nothing more confirms it; then the newcomer is the wrong one.
      if to - stop > 1 || suspect == stop, from < stop { return suspect }
    }
    return nil
  }

  /// How many pairs from the start go together.
  private static func longestPrefix(_ pairs: ArraySlice<CausalPair>) -> Int {
    var low = 0
    var high = pairs.count
    if isFeasible(pairs) { return high }
    while low < high {
      let middle = (low + high + 1) / 2
      if isFeasible(pairs.prefix(middle)) { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// Where the longest run that goes together up to the end begins.
  private static func longestSuffix(_ pairs: ArraySlice<CausalPair>) -> Int {
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high + 1) / 2
      if isFeasible(pairs.suffix(middle)) { low = middle } else { high = middle - 1 }
    }
    return pairs.endIndex - low
  }

  private static func isFeasible(_ pairs: ArraySlice<CausalPair>) -> Bool {
    FeasiblePolygon(Array(pairs)).isFeasible
  }
}
