/// Equal intervals that begin at multiples of their length: 1, 2 or 5 times a power of ten, so that pictures of several
/// traces have the same columns.
public struct IntervalGrid: Sendable {
  /// ns.
  public let length: Int64
  /// The number of the first: it begins at `first * length`.
  private let first: Int64
  /// How many.
  public let count: Int
  /// What a trace covers.
  private let covered: ClosedRange<Int64>

  /// Of a picture.
  public static let mostIntervals = 80
  /// Shorter ones would show single I/Os, ns.
  private static let shortest: Int64 = 50_000_000

  /// Over what a trace covers, ns, in so many at most.
  public init(_ covered: ClosedRange<Int64>, most: Int = mostIntervals) {
    self.covered = covered
    var (unit, step) = (Int64(10_000_000), Self.shortest)
    func number(_ moment: Int64, _ length: Int64) -> Int64 {
      moment / length - (moment % length < 0 ? 1 : 0)
    }
    search: while unit < 1 << 58 {
      for factor: Int64 in [1, 2, 5] where unit * factor >= Self.shortest {
        step = unit * factor
        if number(covered.upperBound, step) - number(covered.lowerBound, step) < Int64(most) {
          break search
        }
      }
      unit *= 10
    }
    length = step
    first = number(covered.lowerBound, step)
    count = Int(number(covered.upperBound, step) - first) + 1
  }

  /// The place of the interval of a moment; nil outside.
  public func place(of moment: Int64) -> Int? {
    guard covered.contains(moment) else { return nil }
    return Int(moment / length - (moment % length < 0 ? 1 : 0) - first)
  }

  /// Where one begins, ns.
  public func begin(of place: Int) -> Int64 { (first + Int64(place)) * length }

  /// How much of it the trace covers, ns.
  public func covered(of place: Int) -> Int64 {
    let from = max(begin(of: place), covered.lowerBound)
    return max(1, min(begin(of: place) + length - 1, covered.upperBound) - from + 1)
  }
}
