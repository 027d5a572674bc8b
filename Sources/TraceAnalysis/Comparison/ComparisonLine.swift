/// What of a distribution is compared.
public enum Statistic: String, CaseIterable, Sendable {
  /// The mean: the only one that adds up over hops.
  case mean
  /// The median.
  case p50
  /// 90 % are not longer.
  case p90
  /// 99 % are not longer.
  case p99
  /// 99.9 % are not longer.
  case p999 = "p99.9"

  /// The share below a quantile; nil for the mean.
  public var share: Double? {
    switch self {
    case .mean: nil
    case .p50: 0.5
    case .p90: 0.9
    case .p99: 0.99
    case .p999: 0.999
    }
  }

  /// So many samples it takes on either side: ten beyond a quantile, and fifty for the middle.
  public var leastSamples: Int {
    switch self {
    case .mean, .p50: 50
    case .p90: 100
    case .p99: 1_000
    case .p999: 10_000
    }
  }
}

/// What can be said about a line.
public enum ComparisonVerdict: String, CaseIterable, Sendable {
  /// Shown to be less, and by enough.
  case better
  /// Shown to be more, and by enough.
  case worse
  /// Not shown to differ by as much as matters; not the same as shown to be equal.
  case noDifference = "no difference shown"
  /// The data do not suffice; the reason says what would.
  case cannotTell = "cannot tell"
}

/// One number of before against the same of after.
public struct ComparisonLine: Sendable {
  /// What the number counts.
  public enum Unit: String, Sendable {
    /// Nanoseconds.
    case nanoseconds = "ns"
    /// Parts of a hundred.
    case percent = "%"
    /// Milliseconds in each second.
    case millisecondsPerSecond = "ms/s"
    /// How many in each second.
    case perSecond = "1/s"
    /// A plain number.
    case number = ""
  }

  /// The guest; nil where it is about none.
  public var guest: String?
  /// The disk; nil where it is about none.
  public var device: String?
  /// Which part of it: `vcpu 0`, the hop of a queue, a counter of the network path; nil for the whole.
  public var object: String?
  /// The operation, or `all`; nil where it is about none.
  public var op: String?
  /// What was measured: a hop by the views' names, or `steal`, `cpu_wait`, ...
  public var subject: String
  /// Which of its statistics.
  public var statistic: Statistic
  /// The unit of the values.
  public var unit: Unit
  /// How many samples before.
  public var countBefore: Int
  /// How many samples after.
  public var countAfter: Int
  /// The value before; nil when it was not observed.
  public var before: Double?
  /// The value after; nil when it was not observed.
  public var after: Double?
  /// After minus before, with confidence; nil when that cannot be said.
  public var difference: Interval?
  /// After divided by before, with confidence; nil when that cannot be said.
  public var ratio: Interval?
  /// The probability of a difference like this from none, corrected for the lines of its family.
  public var p: Double?
  /// The verdict.
  public var verdict = ComparisonVerdict.cannotTell
  /// Why the verdict is not more; nil when there is nothing to add.
  public var reason: String?
  /// Whether it lies beyond its own interval by enough and fails the correction for the lines beside it alone: the verdict is
  /// that no difference is shown.
  public var isUncorrected = false
  /// Whether it is shown to differ and another load may be the whole reason: the verdict is that nobody can tell.
  public var isExcused = false

  /// What is compared beside hops.
  public static let otherSubjects = MeasuredSubject.allCases.map(\.rawValue)

  /// After minus before, as measured.
  public var change: Double? {
    guard let before, let after else { return nil }
    return after - before
  }

  /// That, as a part of before.
  public var relativeChange: Double? {
    guard let before, let change, before > 0 else { return nil }
    return change / before
  }
}

/// What a comparison takes for enough. All of it is stated in the output, and can be set.
public struct ComparisonSettings: Sendable {
  /// Draws of the bootstrap, and permutations.
  public var replicates = 2_000
  /// Where the random numbers begin.
  public var seed: UInt64 = 1
  /// The confidence of intervals; one minus it is the chance of any false claim in a family.
  public var confidence = 0.95
  /// The least change that matters, as a part of before.
  public var leastRelativeChange = 0.05
  /// The least change of a latency that matters, ns.
  public var leastChange = 1_000.0

  /// The least change that matters by what is counted: of latencies it can be set; one part of a hundred
  /// of time, one packet a second, a tenth of a request.
  public func leastChange(_ unit: ComparisonLine.Unit) -> Double {
    switch unit {
    case .nanoseconds: leastChange
    case .percent: 1
    case .millisecondsPerSecond: 10
    case .perSecond: 1
    case .number: 0.1
    }
  }

  /// The standard settings.
  public init() {}

  /// So few blocks on a side say nothing.
  public static let leastBlocks = 8
  /// So many are left even where that makes them shorter than they should be.
  static let leastWantedBlocks = 10
  /// So many blocks on a side are enough; longer blocks are better then.
  static let enoughBlocks = 48
  /// No more than about this many blocks on a side: a side that is longer than the other by more than
  /// ``mostRatio`` leaves that one too few to judge.
  static let mostBlocks = 1_024
  /// By how much one side may be longer than the other.
  static let mostRatio = Double(mostBlocks) / Double(leastBlocks)
}
