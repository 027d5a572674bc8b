/// A moment in nanoseconds on one tool's clock, or nothing: the trace did not show it.
///
/// Eight bytes and no tag, because a request carries nine of them and a trace has millions of
/// requests. "Not seen" is never 0: a block trace may well begin at 0.
public struct Stamp: Hashable, Sendable {
  /// Nanoseconds on the clock of the source; `Int64.min` stands for "not seen".
  public let rawValue: Int64

  /// Seconds that no moment of a trace reaches: 2^61 ns since 1970 is in 2043, and no machine is up for 73
  /// years. Differences of moments, and sums of a few of those, then fit into Int64, however hostile the
  /// trace; so every reader of times holds to it.
  public static let mostSeconds: Int64 = 2_305_843_009

  /// What a stamp, and a duration, is within, that of a request which begins before its trace included.
  @inlinable public static var range: ClosedRange<Int64> { -(1 << 61)...1 << 61 }

  /// A moment and a distance from it, or the last moment in the range: beyond it nothing lies.
  @inlinable
  public static func sum(_ moment: Int64, _ distance: Int64) -> Int64 {
    var sum = moment
    sum.add(saturating: distance)
    return min(max(sum, range.lowerBound), range.upperBound)
  }

  /// A moment that was seen.
  @inlinable
  public init(_ nanoseconds: Int64) { rawValue = nanoseconds }

  /// Not in the trace.
  public static let unseen = Stamp(.min)

  /// Whether the trace showed this moment.
  @inlinable
  public var isSeen: Bool { rawValue != .min }

  /// Nanoseconds, or nil when the trace did not show this moment.
  @inlinable
  public var nanoseconds: Int64? { rawValue == .min ? nil : rawValue }
}
