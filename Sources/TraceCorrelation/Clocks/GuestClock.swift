/// The clock of a trace, stretch by stretch: a relation of its own between any two steps.
public struct GuestClock: Sendable {
  /// The stretches, in order of time.
  public let stretches: [ClockRelation]
  /// Own time from which each but the first is used.
  private let starts: [Int64]

  /// The clock of these stretches; nil when there are none. `moments` are times that the trace shows, in
  /// order: between the last pair of one stretch and the first of the next the step is where nothing
  /// happened for longest, for over a step forward nothing can.
  init?(_ stretches: [ClockRelation], moments: [Int64]) {
    guard !stretches.isEmpty else { return nil }
    let sorted = stretches.sorted { $0.from < $1.from }
    self.stretches = sorted
    starts = zip(sorted, sorted.dropFirst()).map { before, after in
      let (from, to) = (before.to, max(before.to, after.from))
      var best = (length: Int64(-1), middle: from + (to - from) / 2)
      var last = from
      for moment in moments[Self.place(of: from, moments)...] {
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

  /// The first place in the sorted times that is not before a time.
  private static func place(of time: Int64, _ moments: [Int64]) -> Int {
    var low = 0
    var high = moments.count
    while low < high {
      let middle = (low + high) / 2
      if moments[middle] < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Which stretch a moment belongs to.
  public func stretch(at own: Int64) -> Int {
    var index = 0
    while index < starts.count, own >= starts[index] { index += 1 }
    return index
  }

  /// Own time from which a stretch is used; nil for the first.
  public func start(of stretch: Int) -> Int64? { stretch == 0 ? nil : starts[stretch - 1] }

  /// The moment on the reference timeline, ns.
  public func reference(_ own: Int64) -> Int64 { stretches[stretch(at: own)].reference(own) }

  /// How far the moment may be off, ns. Between two stretches nobody knows on which side of the step a
  /// moment lies, so the step itself is part of the bound.
  public func error(at own: Int64) -> Int64 {
    let index = stretch(at: own)
    let relation = stretches[index]
    var error = relation.error(at: own)
    if index > 0, own < relation.from {
      error += abs(relation.reference(own) - stretches[index - 1].reference(own))
    } else if index + 1 < stretches.count, own > relation.to {
      error += abs(relation.reference(own) - stretches[index + 1].reference(own))
    }
    return error
  }
}
