public import TraceModel

/// How the latencies of a hop of a disk are distributed on both sides, all operations but flushes together.
public struct HopDistributions: Sendable {
  /// A point of a distribution.
  public struct Point: Sendable, Equatable {
    /// The part of the I/Os, 0 to 1.
    public let share: Double
    /// The time that this part does not exceed, ns.
    public let nanoseconds: Int64
  }

  /// The guest.
  public let guest: String
  /// The disk.
  public let device: String
  /// The hop.
  public let hop: Hop
  /// Before, ascending; empty where the hop was not observed.
  public let before: [Point]
  /// After.
  public let after: [Point]

  /// Every hundredth, and more of them in the tail.
  static let shares =
    (0...99).map { Double($0) / 100 } + [0.995, 0.998, 0.999, 0.9995, 0.9999, 1]

  static func points(_ samples: CountedLatencies) -> [Point] {
    shares.compactMap { share in
      samples.quantile(share).map { Point(share: share, nanoseconds: $0) }
    }
  }
}
