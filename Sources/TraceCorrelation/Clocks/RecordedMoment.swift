/// What was recorded of a guest's clock: at a moment of it the reference was between two times.
///
/// That bounds the relation as a matched request does, with no time between cause and effect: it passes below
/// the one and above the other. The bound that both leave together is as proven as the record is right.
public struct RecordedMoment: Sendable {
  /// The moment, ns on the own clock.
  public let own: Int64
  /// The earliest and the latest reference time that it can be, ns.
  public let reference: ClosedRange<Int64>

  /// A moment.
  public init(own: Int64, reference: ClosedRange<Int64>) {
    self.own = own
    self.reference = reference
  }

  var pair: CausalPair {
    CausalPair(cause: own, effect: reference.upperBound, answer: reference.lowerBound, end: own)
  }
}

/// The recorded moments of one trace's clock, by what recorded them: each record is right or wrong as a whole.
public struct ClockRecord: Sendable {
  /// The trace whose clock it is.
  public let source: Int64
  /// The trace whose clock is the reference.
  public let reference: Int64
  /// The first to the last event of the trace, own ns.
  public let span: ClosedRange<Int64>
  /// Each record's moments.
  public let records: [[RecordedMoment]]
  /// What both recordings say of the one counter that they count; nil where they do not.
  public let exact: ExactRelation?

  /// Records of a trace's clock.
  public init(
    source: Int64, reference: Int64, span: ClosedRange<Int64>, records: [[RecordedMoment]],
    exact: ExactRelation? = nil
  ) {
    self.source = source
    self.reference = reference
    self.span = span
    self.records = records
    self.exact = exact
  }

  /// The clock with the bound that requests and records leave together. A record that contradicts the requests
  /// is left out, for theirs is proven.
  ///
  /// Between two steps of a clock only moments between its requests there count, for the rest may be of another
  /// segment; likewise where all of them together contradict the requests, for the clock may have stepped
  /// before the first or after the last.
  ///
  /// A relation that is known takes the place of what the requests leave open, if none of them contradicts it.
  func narrowing(_ clock: GuestClock) -> GuestClock {
    if let exact, let first = clock.stretches.first, let last = clock.stretches.last,
      clock.stretches.allSatisfy({ $0.allows(exact) })
    {
      return GuestClock(
        ClockRelation(
          exact, over: first.from...max(first.from, last.to),
          pairs: clock.stretches.reduce(0) { $0 + $1.pairs },
          removed: clock.stretches.reduce(0) { $0 + $1.removedPairs }))
    }
    let isWhole = clock.stretches.count == 1
    return clock.mapRelations { relation in
      var relation = relation
      for record in records {
        let shown = record.filter { $0.own >= relation.from && $0.own <= relation.to }
        relation =
          (isWhole ? relation.narrowed(by: record) : nil)
          ?? (shown.isEmpty ? nil : relation.narrowed(by: shown)) ?? relation
      }
      return relation
    }
  }

  /// The clock by the records alone; nil where they contradict each other.
  var clock: GuestClock? {
    if let exact { return GuestClock(ClockRelation(exact, over: span, pairs: 0, removed: 0)) }
    return ClockRelation(records.flatMap(\.self), over: span).map { GuestClock($0) }
  }
}
