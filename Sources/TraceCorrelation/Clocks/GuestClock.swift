internal import TraceModel

/// The clock of a trace, stretch by stretch: a relation of its own between any two steps.
public struct GuestClock: Sendable, Equatable {
  /// The stretches, in order of time.
  public let stretches: [ClockRelation]
  /// Own time from which each but the first is used.
  private let starts: [Int64]

  /// The clock of these stretches; nil when there are none. `moments` are times that the trace shows, in
  /// order: between the last pair of one stretch and the first of the next the step is where nothing
  /// happened for longest, for over a step forward nothing can. Nobody asks for them where there is no step.
  init?(_ stretches: [ClockRelation], moments: @autoclosure () -> [Int64]) {
    guard !stretches.isEmpty else { return nil }
    guard stretches.count > 1 else {
      (self.stretches, starts) = (stretches, [])
      return
    }
    let moments = moments()
    let sorted = stretches.sorted { $0.from < $1.from }
    self.stretches = sorted
    starts = zip(sorted, sorted.dropFirst()).map { before, after in
      let (from, to) = (before.to, max(before.to, after.from))
      var best = (length: Int64(-1), middle: from + (to - from) / 2)
      var last = from
      for moment in moments[moments.partitioningIndex { $0 >= from }...] {
        let until = min(moment, to)
        if until - last > best.length { best = (until - last, last + (until - last) / 2) }
        last = until
        if moment >= to { break }
      }
      return best.middle
    }
  }

  /// A clock without a step.
  init(_ relation: ClockRelation) {
    stretches = [relation]
    starts = []
  }

  private init(_ stretches: [ClockRelation], starts: [Int64]) {
    self.stretches = stretches
    self.starts = starts
  }

  /// Where it steps, in order of time.
  public var steps: [ClockStep] {
    zip(stretches, stretches.dropFirst()).map { before, after in
      let own = before.to + (after.from - before.to) / 2
      return ClockStep(
        window: Span(from: before.reference(before.to), to: after.reference(after.from)),
        length: after.reference(own) - before.reference(own),
        error: before.error(at: own) + after.error(at: own))
    }
  }

  /// The same steps with other relations between them.
  func mapRelations(_ change: (ClockRelation) -> ClockRelation) -> GuestClock {
    GuestClock(stretches.map(change), starts: starts)
  }

  /// Whether a moment lies between the first and the last matched moment of a stretch. Elsewhere the clock may
  /// have stepped without a request that shows it.
  public func isShown(at own: Int64) -> Bool { nearestShown(to: own) == own }

  /// The nearest such moment, own ns.
  public func nearestShown(to own: Int64) -> Int64 {
    let relation = stretches[stretch(at: own)]
    return min(max(own, relation.from), max(relation.from, relation.to))
  }

  /// Which stretch a moment belongs to.
  public func stretch(at own: Int64) -> Int { starts.partitioningIndex { $0 > own } }

  /// Own time from which a stretch is used; nil for the first.
  public func start(of stretch: Int) -> Int64? { stretch == 0 ? nil : starts[stretch - 1] }

  /// The moment on the reference timeline, ns.
  public func reference(_ own: Int64) -> Int64 { stretches[stretch(at: own)].reference(own) }

  /// The own time of a moment on the reference timeline, by the stretch to which another own time belongs, ns.
  func own(_ reference: Int64, inStretchOf other: Int64) -> Int64 {
    let relation = stretches[stretch(at: other)]
    var moment = other
    // The clocks run apart by less than a thousandth, so that each round has three more digits.
    for _ in 0..<4 { moment = reference - (relation.reference(moment) - moment) }
    return moment
  }

  /// How far the moment may be off, ns. Between two stretches nobody knows on which side of the step a
  /// moment lies, so the step itself is part of the bound.
  public func error(at own: Int64) -> Int64 {
    let relation = stretches[stretch(at: own)]
    guard let other = step(around: own)?.other else { return relation.error(at: own) }
    return relation.error(at: own) + abs(relation.reference(own) - other.reference(own))
  }

  /// Where the moment can be on the reference timeline, ns: between two stretches on either side of the step.
  func bounds(at own: Int64) -> ClosedRange<Int64> {
    let relation = stretches[stretch(at: own)]
    let middle = relation.reference(own)
    let error = relation.error(at: own)
    var bounds = (middle - error)...(middle + error)
    if let other = step(around: own)?.other {
      let middle = other.reference(own)
      let error = other.error(at: own)
      bounds =
        min(bounds.lowerBound, middle - error)...max(bounds.upperBound, middle + error)
    }
    return bounds
  }

  /// How large the step is that a moment may lie on either side of, ns; 0 where there is none. The first and the
  /// last matched moment of a stretch count: of all they are confirmed least. Beyond all stretches the next step is not
  /// known; it may be as large as the largest.
  func doubt(at own: Int64) -> Int64 {
    let index = stretch(at: own)
    let relation = stretches[index]
    // Two clocks that count one counter do not step against each other.
    if relation.isExact { return 0 }
    if index > 0, own <= relation.from {
      return abs(relation.reference(own) - stretches[index - 1].reference(own))
    }
    if index + 1 < stretches.count, own >= relation.to {
      return abs(relation.reference(own) - stretches[index + 1].reference(own))
    }
    let isShown = relation.from < own && own < relation.to
    return isShown ? 0 : max(largestStep, Self.leastDoubt)
  }

  private var largestStep: Int64 {
    zip(stretches, stretches.dropFirst()).map { abs($0.reference($0.to) - $1.reference($0.to)) }
      .max() ?? 0
  }

  /// What an unknown step is taken for at least, ns.
  private static let leastDoubt: Int64 = 1_000_000_000

  /// The longest time on the reference timeline that can lie between two moments, ns.
  func longest(from: Int64, to: Int64) -> Int64 {
    let (start, end) = (reference(from), reference(to))
    return max(end, step(around: to)?.other.reference(to) ?? end)
      - min(start, step(around: from)?.other.reference(from) ?? start)
  }

  /// Whether the step that a moment lies near is longer than a time, and the moment may well lie on its other
  /// side: more than once in twenty, if the step is anywhere between the two stretches alike.
  func isUnclear(at own: Int64, besides duration: Int64) -> Bool {
    guard let step = step(around: own) else { return false }
    let relation = stretches[stretch(at: own)]
    guard abs(relation.reference(own) - step.other.reference(own)) > duration else { return false }
    let isBefore = own < step.at
    let beyond = isBefore ? own - step.range.lowerBound : step.range.upperBound - own
    return Self.isLikely(beyond, of: step.range)
  }

  /// Whether the time between two moments is unclear likewise: the step may or may not lie between them.
  func isUnclear(from: Int64, to: Int64) -> Bool {
    // Seen from the nearer step: of two steps within one request nothing is clear anyway.
    guard from <= to, let step = step(around: from) ?? step(around: to) else { return false }
    let (relation, other) = (stretches[step.before], stretches[step.before + 1])
    guard abs(relation.reference(from) - other.reference(from)) > to - from else { return false }
    let low = max(from, step.range.lowerBound)
    let high = min(to, step.range.upperBound)
    let between = max(0, high - low)
    let isBetween = from < step.at && step.at <= to
    let length = step.range.upperBound - step.range.lowerBound
    return Self.isLikely(isBetween ? length - between : between, of: step.range)
  }

  /// Whether the clock may have stepped between two moments.
  func mayHoldStep(from: Int64, to: Int64) -> Bool {
    stretch(at: from) != stretch(at: to) || step(around: from) != nil || step(around: to) != nil
  }

  private static func isLikely(_ part: Int64, of range: ClosedRange<Int64>) -> Bool {
    Double(part) > 0.05 * Double(range.upperBound - range.lowerBound)
  }

  /// A step that a moment may lie on either side of.
  private struct Step {
    /// The stretch before it.
    let before: Int
    /// The relation that the moment follows if it lies on the other side.
    let other: ClockRelation
    /// Where the step is taken to be, and where it can be, own ns.
    let at: Int64
    let range: ClosedRange<Int64>
  }

  private func step(around own: Int64) -> Step? {
    let index = stretch(at: own)
    let before: Int
    if index > 0, own < stretches[index].from {
      before = index - 1
    } else if index + 1 < stretches.count, own > stretches[index].to {
      before = index
    } else {
      return nil
    }
    let from = stretches[before].to
    return Step(
      before: before, other: stretches[before == index ? index + 1 : before], at: starts[before],
      range: from...max(from, stretches[before + 1].from))
  }
}

/// A step of a clock between two matched moments, ns on the reference timeline.
public struct ClockStep: Sendable {
  /// From the last matched moment before it to the first behind it.
  public var window: Span
  /// How far the clock fell behind; negative where it jumped ahead.
  public var length: Int64
  /// By how much that may be off.
  public var error: Int64

  /// A step.
  public init(window: Span, length: Int64, error: Int64) {
    (self.window, self.length, self.error) = (window, length, error)
  }
}
