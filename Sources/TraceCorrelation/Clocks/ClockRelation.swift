/// How one clock's times become times of the reference, with a bound at every moment.
///
/// The bound is proven as long as the clock runs evenly: every line that contradicts no matched request
/// lies within it.
public struct ClockRelation: Sendable, Equatable {
  /// The first matched moment, own ns.
  public let from: Int64
  /// The last matched moment, own ns.
  public let to: Int64
  /// Pairs that bind it.
  public let pairs: Int
  /// Pairs taken out, since no line allowed them.
  public let removedPairs: Int
  /// Recorded moments that narrow its bound.
  public let recordedMoments: Int
  /// Whether it is known, and no pair bounds it.
  public let isExact: Bool
  private let polygon: FeasiblePolygon
  private let line: FeasiblePolygon.Line

  /// The relation that these pairs allow; nil when there are none or no line fits.
  init?(_ pairs: [CausalPair]) {
    var bounds = FeasiblePolygon.Bounds()
    for pair in pairs { bounds.add(pair) }
    self.init(bounds, pairs: pairs.count, removed: 0)
  }

  /// The relation that so many pairs allow, of which some may bind it with one of their ends only.
  init?(_ bounds: FeasiblePolygon.Bounds, pairs: Int, removed: Int) {
    guard bounds.first <= bounds.last else { return nil }
    self.init(
      FeasiblePolygon(bounds), over: bounds.first...bounds.last, pairs: pairs, removed: removed,
      recorded: 0)
  }

  /// The relation that a record alone allows over a trace, where no request binds it.
  init?(_ recorded: [RecordedMoment], over trace: ClosedRange<Int64>) {
    guard !recorded.isEmpty else { return nil }
    self.init(
      FeasiblePolygon(recorded.map(\.pair)), over: trace, pairs: 0, removed: 0,
      recorded: recorded.count)
  }

  /// The part of this relation that a record allows, too; nil where they contradict each other.
  func narrowed(by recorded: [RecordedMoment]) -> ClockRelation? {
    ClockRelation(
      polygon.intersected(with: recorded.map(\.pair)), over: from...max(from, to), pairs: pairs,
      removed: removedPairs, recorded: recordedMoments + recorded.count)
  }

  /// A relation that is known, over so many pairs that do not contradict it.
  init(_ exact: ExactRelation, over span: ClosedRange<Int64>, pairs: Int, removed: Int) {
    polygon = FeasiblePolygon(exact)
    line = polygon.best
    (from, to) = (span.lowerBound, span.upperBound)
    (self.pairs, removedPairs, recordedMoments) = (pairs, removed, 0)
    isExact = true
  }

  /// Whether the pairs that bound this relation allow one that is known.
  func allows(_ exact: ExactRelation) -> Bool {
    narrowed(by: [exact.recorded(at: from), exact.recorded(at: to)]) != nil
  }

  private init?(
    _ polygon: FeasiblePolygon, over span: ClosedRange<Int64>, pairs: Int, removed: Int,
    recorded: Int
  ) {
    guard polygon.isFeasible else { return nil }
    self.polygon = polygon
    isExact = false
    line = polygon.best
    from = span.lowerBound
    to = span.upperBound
    self.pairs = pairs
    removedPairs = removed
    recordedMoments = recorded
  }

  /// Reference minus own at own = 0, ns.
  public var offset: Double {
    Double(polygon.base) + line.shift - line.slope * Double(polygon.origin)
  }

  /// How much faster the reference runs: parts per million.
  public var driftPPM: Double { line.slope * 1e6 }

  /// The moment on the reference timeline, ns.
  @inlinable
  public func reference(_ own: Int64) -> Int64 { own + offsetRounded(at: own) }

  @usableFromInline
  func offsetRounded(at own: Int64) -> Int64 {
    polygon.base
      + Int64((line.shift + line.slope * Double(own - polygon.origin)).rounded(.toNearestOrEven))
  }

  /// How far the moment may be off, ns: the true relation lies within it.
  public func error(at own: Int64) -> Int64 {
    let (low, high) = polygon.range(at: own)
    let middle = line.shift + line.slope * Double(own - polygon.origin)
    return Int64(max(high - middle, middle - low).rounded(.up)) + 1
  }

  /// The largest bound between the first and the last matched moment, ns: at one of the two, since the
  /// bound is convex.
  public var largestError: Int64 { max(error(at: from), error(at: to)) }

  /// The bound in the middle of the span, ns.
  public var middleError: Int64 { error(at: from + (to - from) / 2) }
}
