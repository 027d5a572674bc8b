/// Moments of two clocks of which one must not come after the other.
public struct CausalPair: Sendable {
  /// A cause, ns on the own clock: the guest's `D`.
  public let cause: Int64
  /// Its effect, ns on the reference: the host's `Q`.
  public let effect: Int64
  /// A cause, ns on the reference: the host's `C`.
  public let answer: Int64
  /// Its effect, ns on the own clock: the guest's `C`.
  public let end: Int64
  /// Whether its address occurs once on either side, so that it is right whatever the clocks say.
  public let isUnique: Bool

  /// A matched request: `cause` before `effect`, `answer` before `end`.
  public init(cause: Int64, effect: Int64, answer: Int64, end: Int64, isUnique: Bool = false) {
    self.cause = cause
    self.effect = effect
    self.answer = answer
    self.end = end
    self.isUnique = isUnique
  }
}

/// All the lines `reference = own + base + slope * (own - origin) + shift` that contradict no pair.
///
/// A matched request bounds the line from both sides: it passes below (D in the guest, Q on the host) and
/// above (C in the guest, C on the host). In the plane of slope and shift each bound is a half-plane, and
/// what they leave is a convex polygon. Only the lower hull of the one set of points and the upper hull of
/// the other can bind, so hundreds of thousands of requests leave a few dozen half-planes.
///
/// (Duda et al. 1987; Poirier, Roy, Dagenais 2010: the convex hull method of trace synchronisation.)
struct FeasiblePolygon: Equatable {
  /// A line: slope beyond 1, and ns at the origin.
  struct Line: Equatable {
    var slope: Double
    var shift: Double
  }

  /// No clock of a running machine is further off.
  static let largestSlope = 200e-6
  /// Stamps are whole nanoseconds, cut off: a bound may be wrong by that much.
  private static let rounding = 1.0

  /// The own moment at which slopes turn.
  let origin: Int64
  /// The rough offset that is taken off before arithmetic, ns.
  let base: Int64
  /// Its corners, none when no line fits.
  private(set) var corners: [Line]

  /// Points, of which only those are kept that may bind a line: so there may be any number of them, and they come in any
  /// order.
  struct Bounds {
    private(set) var ceilings = Hull(isLower: true)
    private(set) var floors = Hull(isLower: false)
    /// The first and the last own moment; the first is behind the last where there is none.
    private(set) var first = Int64.max
    private(set) var last = Int64.min
    /// The first distance of a ceiling, of a floor where there is none; and how far any ceiling is from it.
    var base: Int64 { (ceilings.first ?? floors.first)?.y ?? 0 }
    private(set) var spread = 0.0

    /// A line passes below it.
    mutating func addCeiling(_ own: Int64, _ distance: Int64) {
      add(own)
      ceilings.add(Point(x: own, y: distance))
      spread = max(spread, abs(Double(distance - base)))
    }

    /// A line passes above it.
    mutating func addFloor(_ own: Int64, _ distance: Int64) {
      add(own)
      floors.add(Point(x: own, y: distance))
    }

    /// Both of a pair.
    mutating func add(_ pair: CausalPair) {
      addCeiling(pair.cause, pair.effect - pair.cause)
      addFloor(pair.end, pair.answer - pair.end)
    }

    private mutating func add(_ own: Int64) {
      first = min(first, own)
      last = max(last, own)
    }
  }

  /// The lines that fit these pairs, which come in any order.
  init(_ pairs: [CausalPair]) {
    var bounds = Bounds()
    for pair in pairs { bounds.add(pair) }
    self.init(bounds)
  }

  /// The lines that pass below the ones and above the others.
  init(_ bounds: Bounds) {
    let (first, last) = (bounds.first, bounds.last)
    guard first <= last else {
      self.init(origin: 0, base: 0, spread: 0, span: 0)
      return
    }
    self.init(
      origin: first + (last - first) / 2, base: bounds.base, spread: bounds.spread,
      span: Double(last - first))
    corners = cut(bounds)
  }

  /// The one line that is known to be right.
  init(_ exact: ExactRelation) {
    self.init(
      origin: exact.own, base: exact.reference - exact.own,
      corners: [Line(slope: exact.gain, shift: 0)])
  }

  /// All lines that a clock can follow, near enough to distances of that spread over that span of time.
  init(origin: Int64, base: Int64, spread: Double, span: Double) {
    self.origin = origin
    self.base = base
    let reach = spread + (span + 1) * Self.largestSlope + 1e9
    corners = [
      Line(slope: -Self.largestSlope, shift: -reach), Line(slope: Self.largestSlope, shift: -reach),
      Line(slope: Self.largestSlope, shift: reach), Line(slope: -Self.largestSlope, shift: reach),
    ]
  }

  /// Takes away the lines on the wrong side of a point; false, and as before, when none would be left.
  mutating func admit(_ own: Int64, _ distance: Int64, isFloor: Bool) -> Bool {
    let x = Double(own - origin)
    let y = Double(distance - base)
    func excess(_ line: Line) -> Double {
      (isFloor ? y - line.slope * x - line.shift : line.slope * x + line.shift - y) - Self.rounding
    }
    guard corners.contains(where: { excess($0) > 0 }) else { return !corners.isEmpty }
    let left = Self.cut(corners, excess)
    guard !left.isEmpty else { return false }
    corners = left
    return true
  }

  /// The lines of this polygon that contradict none of these pairs either.
  func intersected(with pairs: [CausalPair]) -> FeasiblePolygon {
    var bounds = Bounds()
    for pair in pairs { bounds.add(pair) }
    return FeasiblePolygon(origin: origin, base: base, corners: cut(bounds))
  }

  private init(origin: Int64, base: Int64, corners: [Line]) {
    self.origin = origin
    self.base = base
    self.corners = corners
  }

  private func cut(_ bounds: Bounds) -> [Line] {
    var corners = corners
    for point in bounds.ceilings.points {
      let (x, y) = (Double(point.x - origin), Double(point.y - base))
      corners = Self.cut(corners) { $0.slope * x + $0.shift - y - Self.rounding }
    }
    for point in bounds.floors.points {
      let (x, y) = (Double(point.x - origin), Double(point.y - base))
      corners = Self.cut(corners) { y - $0.slope * x - $0.shift - Self.rounding }
    }
    return corners
  }

  /// Whether any line fits.
  var isFeasible: Bool { !corners.isEmpty }

  /// The least and the greatest reference time that an own time can have, as ns beyond `own + base`.
  func range(at own: Int64) -> (low: Double, high: Double) {
    let x = Double(own - origin)
    var low = Double.infinity
    var high = -Double.infinity
    for corner in corners {
      let value = corner.slope * x + corner.shift
      low = min(low, value)
      high = max(high, value)
    }
    return (low, high)
  }

  /// The line to use.
  ///
  /// Where the pairs allow an even pace, that is taken: the clocks of a guest and its host mostly count the
  /// same crystal, and what the pairs leave open is more often noise than drift. Else the middle of what
  /// they allow. The bound covers all lines either way.
  var best: Line {
    var low = Double.infinity
    var high = -Double.infinity
    guard let last = corners.last else { return centre }
    var before = last
    for corner in corners {
      if (before.slope <= 0) != (corner.slope <= 0) || corner.slope == 0 {
        let width = corner.slope - before.slope
        let part = width == 0 ? 1 : -before.slope / width
        let shift = before.shift + part * (corner.shift - before.shift)
        low = min(low, shift)
        high = max(high, shift)
      }
      before = corner
    }
    return low <= high ? Line(slope: 0, shift: (low + high) / 2) : centre
  }

  /// The centre of the polygon's area.
  private var centre: Line {
    guard let first = corners.first else { return Line(slope: 0, shift: 0) }
    var area = 0.0
    var slope = 0.0
    var shift = 0.0
    for (a, b) in zip(corners, corners.dropFirst() + [first]) {
      // Relative to the first corner, or the shift's size would eat the digits of the slope.
      let (ax, ay) = (a.slope - first.slope, a.shift - first.shift)
      let (bx, by) = (b.slope - first.slope, b.shift - first.shift)
      let cross = ax * by - bx * ay
      area += cross
      slope += (ax + bx) * cross
      shift += (ay + by) * cross
    }
    guard abs(area) > 1e-18 else {
      let count = Double(corners.count)
      return Line(
        slope: corners.reduce(0) { $0 + $1.slope } / count,
        shift: corners.reduce(0) { $0 + $1.shift } / count)
    }
    return Line(slope: first.slope + slope / (3 * area), shift: first.shift + shift / (3 * area))
  }

  /// The part of a polygon where the function is not above zero.
  private static func cut(_ corners: [Line], _ excess: (Line) -> Double) -> [Line] {
    guard let last = corners.last else { return [] }
    var kept: [Line] = []
    var before = last
    var beforeExcess = excess(last)
    for corner in corners {
      let cornerExcess = excess(corner)
      if (beforeExcess <= 0) != (cornerExcess <= 0) {
        let part = beforeExcess / (beforeExcess - cornerExcess)
        kept.append(
          Line(
            slope: before.slope + part * (corner.slope - before.slope),
            shift: before.shift + part * (corner.shift - before.shift)))
      }
      if cornerExcess <= 0 { kept.append(corner) }
      before = corner
      beforeExcess = cornerExcess
    }
    return kept
  }

  struct Point {
    let x: Int64
    let y: Int64
  }

  /// The lower or upper hull of points by a monotone chain, which keeps those of a few thousand at a time: the hull of all
  /// is that of the hulls of parts.
  struct Hull {
    let isLower: Bool
    /// The point that came first.
    private(set) var first: Point?
    private var kept: [Point] = []
    private var pending: [Point] = []

    private static let most = 2048

    init(isLower: Bool) { self.isLower = isLower }

    mutating func add(_ point: Point) {
      if first == nil { first = point }
      pending.append(point)
      guard pending.count >= Self.most else { return }
      kept += Self.chain(pending, isLower)
      pending.removeAll(keepingCapacity: true)
    }

    /// Those that can bind, from the first to the last of a lower hull, from the last to the first of an upper one.
    var points: [Point] { Self.chain(kept + pending, isLower) }

    /// Int128, for two differences of a day in ns overflow Int64 when multiplied.
    private static func chain(_ points: [Point], _ isLower: Bool) -> [Point] {
      let sorted = points.sorted { ($0.x, $0.y) < ($1.x, $1.y) }
      var chain: [Point] = []
      for point in isLower ? sorted : sorted.reversed() {
        while chain.count >= 2 {
          let (a, b) = (chain[chain.count - 2], chain[chain.count - 1])
          let cross =
            Int128(b.x - a.x) * Int128(point.y - a.y) - Int128(b.y - a.y) * Int128(point.x - a.x)
          guard cross <= 0 else { break }
          chain.removeLast()
        }
        chain.append(point)
      }
      return chain
    }
  }
}
