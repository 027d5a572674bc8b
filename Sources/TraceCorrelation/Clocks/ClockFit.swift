/// Fits a clock to pairs of which some may be wrong, and finds where it stepped.
///
/// Each pair is two constraints, each at its own moment: a ceiling at its cause and a floor at its end. In
/// the order of time they are taken as long as some line allows them all. What stops them is either a wrong
/// pair, and without it they go on, or a step of the clock, and then a line of its own begins. A request that
/// is under way at the step has its cause before and its end after it, and binds both lines. Constraints that
/// both lines allow lie around the step and belong to neither.
enum ClockFit {
  /// So many further pairs must go together once a pair is taken out, for it to be a wrong one.
  private static let confirmation = 8
  /// A line that fewer pairs support is no segment of a clock,
  private static let fewest = 5
  /// unless the address of each occurs once on either side: then so many do.
  private static let fewestUnique = 2
  /// More wrong pairs than this share mean that guest and host do not belong together.
  private static let mostWrong = 0.05
  /// How many constraints are looked at to tell a wrong pair from a step.
  private static let mostAhead = 4096
  /// Constraints between two states of the search that are kept to go back to.
  private static let keptEvery = 256
  /// How often each constraint may be looked at on average: some ten times do for any trace of a machine.
  private static let mostLooks = 100

  /// The segments of the clock, in order; empty when the pairs do not go together.
  static func fit(_ pairs: [CausalPair]) -> [ClockRelation] {
    fit { body in pairs.forEach(body) }
  }

  /// The same of pairs that a body is called with; they are kept only where no one line allows all.
  static func fit(_ forEachPair: (_ body: (CausalPair) -> Void) -> Void) -> [ClockRelation] {
    // Mostly one line allows all.
    var bounds = FeasiblePolygon.Bounds()
    var count = 0
    forEachPair { pair in
      bounds.add(pair)
      count += 1
    }
    if let whole = ClockRelation(bounds, pairs: count, removed: 0) { return [whole] }
    guard count > 0 else { return [] }
    var pairs: [CausalPair] = []
    pairs.reserveCapacity(count)
    forEachPair { pairs.append($0) }
    var search = Search(pairs)
    return search.segments(atMostWrong: max(3, Int(Double(pairs.count) * mostWrong)))
  }

  /// A constraint: the line passes below a point (a ceiling), or above it (a floor).
  private struct Constraint {
    let own: Int64
    /// Reference minus own, ns.
    let distance: Int64
    let pair: Int32
    let isFloor: Bool
  }

  /// A part of the constraints that one line allows.
  private struct Segment {
    /// Places of its constraints: one range, or several where others between them were left out.
    var parts: [Range<Int>]
    var lines: FeasiblePolygon
    var removed = 0
    /// Pairs of which its line allows both constraints and one lies in it, and how many of those have an address
    /// that occurs once.
    var whole = 0
    var unique = 0

    var isSupported: Bool {
      whole >= ClockFit.fewest || (whole >= ClockFit.fewestUnique && unique == whole)
    }
  }

  private struct Search {
    private let pairs: [CausalPair]
    private var constraints: [Constraint] = []
    /// Places of each pair's ceiling and floor.
    private var places: [(ceiling: Int32, floor: Int32)] = []
    private var isOut: [Bool]
    private let empty: FeasiblePolygon
    private var looks = 0
    private let mostLooks: Int

    init(_ unsorted: [CausalPair]) {
      pairs = unsorted.sorted { ($0.cause, $0.end) < ($1.cause, $1.end) }
      isOut = [Bool](repeating: false, count: pairs.count)
      constraints.reserveCapacity(pairs.count * 2)
      for (index, pair) in pairs.enumerated() {
        let number = Int32(index)
        constraints.append(
          Constraint(
            own: pair.cause, distance: pair.effect - pair.cause, pair: number, isFloor: false))
        constraints.append(
          Constraint(own: pair.end, distance: pair.answer - pair.end, pair: number, isFloor: true))
      }
      constraints.sort {
        ($0.own, $0.isFloor ? 1 : 0, $0.pair) < ($1.own, $1.isFloor ? 1 : 0, $1.pair)
      }
      places = [(Int32, Int32)](repeating: (0, 0), count: pairs.count)
      for (place, constraint) in constraints.enumerated() {
        if constraint.isFloor {
          places[Int(constraint.pair)].floor = Int32(place)
        } else {
          places[Int(constraint.pair)].ceiling = Int32(place)
        }
      }
      let first = constraints.first?.own ?? 0
      let last = constraints.last?.own ?? 0
      let low = constraints.lazy.map(\.distance).min() ?? 0
      let high = constraints.lazy.map(\.distance).max() ?? 0
      empty = FeasiblePolygon(
        origin: first + (last - first) / 2, base: low + (high - low) / 2,
        spread: Double(high - low), span: Double(last - first))
      mostLooks = constraints.count * ClockFit.mostLooks + 100_000
    }

    mutating func segments(atMostWrong most: Int) -> [ClockRelation] {
      guard var segments = split(atMostWrong: most) else { return [] }
      trim(&segments)
      let removed = segments.reduce(0) { $0 + $1.removed }
      let unsupported = segments.reduce(0) { $0 + ($1.isSupported ? 0 : $1.whole) }
      guard removed + unsupported <= most else { return [] }
      segments.removeAll { !$0.isSupported }
      segments = withoutExcursions(segments)
      segments = joined(segments)
      return segments.compactMap(relation)
    }

    // MARK: - Splitting

    /// The constraints in parts that one line each allows; nil when too many pairs are wrong, or it cannot be
    /// told within the work allowed.
    private mutating func split(atMostWrong most: Int) -> [Segment]? {
      var segments: [Segment] = []
      var removed = 0
      var start = 0
      while start < constraints.count {
        var segment = Segment(parts: [], lines: empty)
        var kept: [(place: Int, lines: FeasiblePolygon)] = [(start, empty)]
        var place = start
        while place < constraints.count {
          let constraint = constraints[place]
          if isOut[Int(constraint.pair)] || admit(constraint, to: &segment.lines) {
            place += 1
            if place - (kept.last?.place ?? start) >= ClockFit.keptEvery {
              kept.append((place, segment.lines))
            }
            continue
          }
          guard looks < mostLooks else { return nil }
          guard let wrong = wrongPair(at: place, from: start, kept, segment.lines) else { break }
          isOut[Int(wrong)] = true
          segment.removed += 1
          removed += 1
          if removed > most { return nil }
          let back = max(start, Int(places[Int(wrong)].ceiling))
          while kept.count > 1, let last = kept.last, last.place > back { kept.removeLast() }
          (place, segment.lines) = kept.last ?? (start, empty)
        }
        segment.parts = [start..<place]
        segments.append(segment)
        start = place
      }
      return segments
    }

    private mutating func admit(
      _ constraint: Constraint, to lines: inout FeasiblePolygon
    ) -> Bool {
      looks += 1
      return lines.admit(constraint.own, constraint.distance, isFloor: constraint.isFloor)
    }

    /// The pair without which those around the stop go together further on; nil when there is none: a step.
    private mutating func wrongPair(
      at stop: Int, from start: Int, _ kept: [(place: Int, lines: FeasiblePolygon)],
      _ lines: FeasiblePolygon
    ) -> Int32? {
      let newcomer = constraints[stop].pair
      if goesOn(without: newcomer, at: stop, from: start, kept) { return newcomer }
      // Or the one before it with which it does not go together. At the very end nothing more confirms that.
      guard
        constraints[(stop + 1)...].prefix(2 * ClockFit.confirmation)
          .contains(where: { $0.pair != newcomer && !isOut[Int($0.pair)] }),
        let partner = partner(at: stop, from: start), partner != newcomer,
        isFeasible(without: partner, at: stop, from: start, kept)
      else { return nil }
      return partner
    }

    /// Whether those after the stop go together with those before it, without this pair: either to the end,
    /// or until it is clear that they do not go together with this pair.
    private mutating func goesOn(
      without wrong: Int32, at stop: Int, from start: Int,
      _ kept: [(place: Int, lines: FeasiblePolygon)]
    ) -> Bool {
      guard var old = lines(upTo: stop, without: wrong, from: start, kept) else { return false }
      var new = empty
      _ = admit(constraints[stop], to: &new)
      var isNew = true
      var seen = 0
      var place = stop + 1
      while place < constraints.count, seen < ClockFit.mostAhead {
        let constraint = constraints[place]
        place += 1
        if isOut[Int(constraint.pair)] { continue }
        if isNew { isNew = admit(constraint, to: &new) }
        guard constraint.pair != wrong else { continue }
        let isConfirmed = seen >= 2 * ClockFit.confirmation
        if !admit(constraint, to: &old) { return isConfirmed && !isNew }
        seen += 1
        if isConfirmed, !isNew { return true }
      }
      return true
    }

    private mutating func isFeasible(
      without wrong: Int32, at stop: Int, from start: Int,
      _ kept: [(place: Int, lines: FeasiblePolygon)]
    ) -> Bool {
      guard var lines = lines(upTo: stop, without: wrong, from: start, kept) else { return false }
      var seen = 0
      for place in stop..<constraints.count where seen <= 2 * ClockFit.confirmation {
        let constraint = constraints[place]
        if constraint.pair == wrong || isOut[Int(constraint.pair)] { continue }
        guard admit(constraint, to: &lines) else { return false }
        seen += 1
      }
      return true
    }

    /// The lines that allow all before a place but those of one pair.
    private mutating func lines(
      upTo stop: Int, without wrong: Int32, from start: Int,
      _ kept: [(place: Int, lines: FeasiblePolygon)]
    ) -> FeasiblePolygon? {
      let back = max(start, Int(places[Int(wrong)].ceiling))
      guard let last = kept.last(where: { $0.place <= back }) else { return nil }
      var lines = last.lines
      for place in last.place..<stop {
        let constraint = constraints[place]
        if constraint.pair == wrong || isOut[Int(constraint.pair)] { continue }
        guard admit(constraint, to: &lines) else { return nil }
      }
      return lines
    }

    /// Going back from the stop, the first pair that does not go together with those from there on.
    private mutating func partner(at stop: Int, from start: Int) -> Int32? {
      var lines = empty
      for place in stride(from: stop, through: start, by: -1) {
        let constraint = constraints[place]
        if isOut[Int(constraint.pair)] { continue }
        if !admit(constraint, to: &lines) { return constraint.pair }
      }
      return nil
    }

    // MARK: - What a segment holds

    /// Takes off the end of each segment what the line of the next one allows, too, and counts what is left.
    private mutating func trim(_ segments: inout [Segment]) {
      // From where on the line of the segment allows all.
      var reach = 0
      for index in segments.indices {
        guard let range = segments[index].parts.first else { continue }
        var end = range.upperBound
        if index + 1 < segments.count {
          var lines = segments[index + 1].lines
          while end > range.lowerBound {
            let constraint = constraints[end - 1]
            guard isOut[Int(constraint.pair)] || admit(constraint, to: &lines) else { break }
            end -= 1
          }
        }
        let own = range.lowerBound..<end
        let allowed = reach..<range.upperBound
        reach = end
        var segment = Segment(parts: [own], lines: empty, removed: segments[index].removed)
        for place in own {
          let constraint = constraints[place]
          if isOut[Int(constraint.pair)] { continue }
          _ = admit(constraint, to: &segment.lines)
          let (ceiling, floor) = places[Int(constraint.pair)]
          // Of a pair with both in it, its floor counts.
          let other = Int(constraint.isFloor ? ceiling : floor)
          guard allowed.contains(other), constraint.isFloor || !own.contains(other) else {
            continue
          }
          segment.whole += 1
          if pairs[Int(constraint.pair)].isUnique { segment.unique += 1 }
        }
        segments[index] = segment
      }
    }

    /// The lines that allow both segments; nil when there are none.
    private mutating func lines(_ segment: Segment, and other: Segment) -> FeasiblePolygon? {
      var lines = segment.lines
      for part in other.parts {
        for place in part {
          let constraint = constraints[place]
          if isOut[Int(constraint.pair)] { continue }
          guard admit(constraint, to: &lines) else { return nil }
        }
      }
      return lines
    }

    /// Few pairs, after which the clock goes on as before them, are wrong ones.
    private mutating func withoutExcursions(_ segments: [Segment]) -> [Segment] {
      var kept: [Segment] = []
      for (index, segment) in segments.enumerated() {
        if segment.whole < ClockFit.fewest, let before = kept.last, index + 1 < segments.count,
          lines(before, and: segments[index + 1]) != nil
        {
          continue
        }
        kept.append(segment)
      }
      return kept
    }

    /// Neighbours that one line allows are one segment: what lay between them were wrong pairs.
    private mutating func joined(_ segments: [Segment]) -> [Segment] {
      var joined: [Segment] = []
      for segment in segments {
        if let last = joined.last, let both = lines(last, and: segment) {
          joined[joined.count - 1] = Segment(
            parts: last.parts + segment.parts, lines: both,
            removed: last.removed + segment.removed, whole: last.whole + segment.whole,
            unique: last.unique + segment.unique)
        } else {
          joined.append(segment)
        }
      }
      return joined
    }

    private func relation(_ segment: Segment) -> ClockRelation? {
      var bounds = FeasiblePolygon.Bounds()
      for part in segment.parts {
        for constraint in constraints[part] where !isOut[Int(constraint.pair)] {
          if constraint.isFloor {
            bounds.addFloor(constraint.own, constraint.distance)
          } else {
            bounds.addCeiling(constraint.own, constraint.distance)
          }
        }
      }
      return ClockRelation(bounds, pairs: segment.whole, removed: segment.removed)
    }
  }
}
