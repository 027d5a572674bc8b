/// Fits a relation to pairs of which a few may be wrong.
enum ClockFit {
  /// More wrong pairs than this share mean that the pairs do not belong together.
  private static let mostWrong = 0.01

  /// The relation of these pairs, without those that contradict the others; nil when too many do.
  static func fit(_ pairs: [CausalPair]) -> ClockRelation? {
    var kept = pairs.sorted { ($0.cause, $0.end) < ($1.cause, $1.end) }
    let most = max(3, Int(Double(pairs.count) * mostWrong))
    var removed = 0
    while removed <= most {
      if let relation = ClockRelation(kept, removed: removed) { return relation }
      let stop = longestPrefix(kept[...])
      guard stop < kept.count, stop > 0 else { return nil }
      // Either the pair that stopped us is wrong, or one before it with which it does not go together:
      // the one without which we come further.
      let run = longestSuffix(kept[0...stop])
      let suspects = [stop, run - 1].filter { $0 >= 0 }
      let reach = suspects.map { suspect in
        var without = kept
        without.remove(at: suspect)
        return longestPrefix(without[...])
      }
      guard let best = reach.max(), let choice = reach.firstIndex(of: best) else { return nil }
      kept.remove(at: suspects[choice])
      removed += 1
    }
    return nil
  }

  /// How many pairs from the start go together.
  private static func longestPrefix(_ pairs: ArraySlice<CausalPair>) -> Int {
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high + 1) / 2
      if FeasiblePolygon(Array(pairs.prefix(middle))).isFeasible {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }

  /// Where the longest run that goes together up to the end begins.
  private static func longestSuffix(_ pairs: ArraySlice<CausalPair>) -> Int {
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high + 1) / 2
      if FeasiblePolygon(Array(pairs.suffix(middle))).isFeasible {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return pairs.endIndex - low
  }
}
