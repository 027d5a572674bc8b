internal import TraceModel

/// What a guest's disk was asked to do in one side: the first thing to compare.
public struct DiskLoad: Sendable, Equatable {
  /// I/Os with data.
  public var count = 0
  /// How long it was traced, s.
  public var seconds = 0.0
  /// I/Os of each second.
  public var rate = 0.0
  /// How many were in flight on average, from Q to C; nil where too few are known from Q to C.
  public var depth: Double?
  /// Part of reads, 0 to 1.
  public var readShare = 0.0
  /// The mean length, bytes.
  public var meanBytes = 0.0
  /// Parts of the operations, 0 to 1, as `read`, `write`, ...
  public var operations: [String: Double] = [:]
  /// Parts of the lengths by powers of two of sectors, 0 to 1.
  public var sizes: [Int: Double] = [:]
  /// The coefficient of variation of the rate over the time blocks.
  public var rateVariation: Double?

  /// How much two mixes differ: the part that would have to change to make one of the other.
  static func distance<Key: Hashable & Comparable>(
    _ first: [Key: Double], _ second: [Key: Double]
  ) -> Double {
    // In their order: the same sides give the same number, to the last digit.
    Set(first.keys).union(second.keys).sorted().reduce(0) {
      $0 + abs(first[$1, default: 0] - second[$1, default: 0])
    } / 2
  }
}

/// Whether a disk had the same to do before and after.
public struct LoadComparison: Sendable {
  /// Something that differs too much, and what would make the sides comparable.
  public struct Obstacle: Sendable {
    /// What differs, with its numbers.
    public let what: String
    /// What to do.
    public let remedy: String
    /// Whether lines of a single operation are free of it.
    public let onlyAll: Bool
  }

  /// The guest.
  public let guest: String
  /// The disk.
  public let device: String
  /// Before.
  public let before: DiskLoad
  /// After.
  public let after: DiskLoad
  /// What stands against a comparison.
  public let obstacles: [Obstacle]
  /// Rates within this factor are one load.
  static let factor = 1.25
  /// Mixes that differ by a larger part are two.
  static let mix = 0.2

  init(guest: String, device: String, before: DiskLoad, after: DiskLoad) {
    self.guest = guest
    self.device = device
    self.before = before
    self.after = after
    var obstacles: [Obstacle] = []
    let operations = DiskLoad.distance(before.operations, after.operations)
    if operations > Self.mix {
      obstacles.append(
        Obstacle(
          what: "\(Quantity.percent(before.readShare)) of the I/Os were reads before, "
            + "\(Quantity.percent(after.readShare)) after",
          remedy: "Compare reads with reads and writes with writes, or record both sides with the "
            + "same mix.",
          onlyAll: true))
    }
    if DiskLoad.distance(before.sizes, after.sizes) > Self.mix {
      obstacles.append(
        Obstacle(
          what: "an I/O had \(Quantity.decimal(before.meanBytes / 1024, digits: 1)) KiB on average "
            + "before, \(Quantity.decimal(after.meanBytes / 1024, digits: 1)) KiB after, and "
            + "\(Quantity.percent(DiskLoad.distance(before.sizes, after.sizes))) of the sizes are "
            + "others",
          remedy: "Record both sides with the same sizes of I/O.",
          onlyAll: false))
    }
    self.obstacles = obstacles
  }

  /// How the rate changed: 1 for a load that came more often, -1 for one that came less often, 0 for the
  /// same within ``factor``.
  public var rateChange: Int {
    guard before.rate > 0, after.rate > 0 else { return 0 }
    if after.rate > before.rate * Self.factor { return 1 }
    return before.rate > after.rate * Self.factor ? -1 : 0
  }

  /// Why other load may be the whole reason for a change; nil where it cannot be.
  ///
  /// More I/Os make queues longer, never shorter. So an increase under more of them, and a decrease under
  /// fewer, says nothing about the system; an increase under fewer does, and so does a decrease under more:
  /// that is what a load does that waits for its answers.
  func excuse(for change: Double) -> String? {
    guard rateChange != 0, change != 0, (change > 0) == (rateChange > 0) else { return nil }
    return "the I/Os came \(rateChange > 0 ? "more" : "less") often "
      + "(\(Quantity.decimal(before.rate, digits: 1)) and "
      + "\(Quantity.decimal(after.rate, digits: 1)) per s), which may be the reason"
  }
}
