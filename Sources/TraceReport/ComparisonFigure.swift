public import TraceAnalysis

/// Ratios of after to before with their intervals, one under the other on one logarithmic scale.
public struct ChangeStrips: Sendable {
  /// A ratio.
  public struct Strip: Sendable {
    /// What it belongs to; strips of one group stand together.
    public let group: String
    /// Which number it is.
    public let label: String
    /// After divided by before; above zero.
    public let ratio: Double
    /// The lower end of its interval; above zero.
    public let low: Double
    /// The upper end.
    public let high: Double
    /// What is said of it.
    public let verdict: ComparisonVerdict
    /// Whether it fails the correction for the lines beside it alone.
    public let isUncorrected: Bool
    /// The same in words.
    public let note: String
  }

  /// The strips, from above.
  public let strips: [Strip]
}

/// Which part of the I/Os took no longer than how long, before and after.
public struct DistributionPair: Sendable {
  /// What it is of.
  public let title: String
  /// Before: shares of 0 to 1, ascending, and times in ns.
  public let before: [(share: Double, nanoseconds: Int64)]
  /// After.
  public let after: [(share: Double, nanoseconds: Int64)]
}
