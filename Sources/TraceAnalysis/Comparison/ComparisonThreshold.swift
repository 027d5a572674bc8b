internal import TraceModel

/// A limit for scripts: `p99>5%`, `host_scheduler.p50>2ms`, `read.total.p99>10%`.
public struct ComparisonThreshold: Sendable {
  /// How much more is too much.
  public enum Limit: Sendable, Equatable {
    /// As a part of before.
    case relative(Double)
    /// In ns.
    case nanoseconds(Double)
  }

  /// As it was written.
  public let text: String
  /// The operation; `all` unless one is named. Lines that are about none are not asked.
  public let op: String
  /// The hop or other measurement; `total` unless one is named.
  public let subject: String
  /// The statistic; nil for any.
  public let statistic: Statistic?
  /// The limit.
  public let limit: Limit

  /// Nil when it cannot be understood, or names what there is not.
  public init?(_ text: String) {
    self.text = text
    let parts = text.split(separator: ">", omittingEmptySubsequences: false).map {
      $0.filter { $0 != " " }
    }
    guard parts.count == 2, let limit = Self.limit(String(parts[1])) else { return nil }
    self.limit = limit
    var name = String(parts[0])
    // p99.9 has a point of its own.
    var statistic: Statistic?
    for candidate in Statistic.allCases.sorted(by: { $0.rawValue.count > $1.rawValue.count })
    where name == candidate.rawValue || name.hasSuffix("." + candidate.rawValue) {
      statistic = candidate
      name = String(name.dropLast(min(name.count, candidate.rawValue.count + 1)))
      break
    }
    self.statistic = statistic
    var names = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if names == [""] { names = [] }
    let operations = [BlockOperation.together] + BlockOperation.inReports.map(\.name)
    if let first = names.first, operations.contains(first) {
      op = first
      names.removeFirst()
    } else {
      op = BlockOperation.together
    }
    guard names.count <= 1, statistic != nil || !names.isEmpty else { return nil }
    subject = names.first ?? Hop.total.name
    guard Hop(name: subject) != nil || ComparisonLine.otherSubjects.contains(subject) else {
      return nil
    }
  }

  private static func limit(_ text: String) -> Limit? {
    let units: [(String, Double)] = [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)]
    if text.hasSuffix("%") {
      guard let number = Double(text.dropLast()), number.isFinite else { return nil }
      return .relative(number / 100)
    }
    for (unit, scale) in units where text.hasSuffix(unit) {
      if let number = Double(text.dropLast(unit.count)), number.isFinite {
        return .nanoseconds(number * scale)
      }
    }
    return nil
  }

  /// Whether it asks for this line.
  func concerns(_ line: ComparisonLine) -> Bool {
    line.subject == subject && (line.op == nil || line.op == op)
      && (statistic == nil || line.statistic == statistic)
  }

  /// Whether a line exceeds it: the change is beyond the limit, and an increase was shown. A large change
  /// that may be chance is none.
  func isExceeded(by line: ComparisonLine, confidence: Double) -> Bool {
    guard let change = line.change, let difference = line.difference, let p = line.p,
      line.verdict != .cannotTell, difference.low > 0, p <= 1 - confidence
    else { return false }
    switch limit {
    case .relative(let part): return change > part * (line.before ?? 0)
    case .nanoseconds(let time): return line.unit == .nanoseconds && change > time
    }
  }
}

extension Comparison {
  /// The lines that exceed a threshold.
  public func lines(exceeding threshold: ComparisonThreshold) -> [ComparisonLine] {
    lines.filter {
      threshold.concerns($0) && threshold.isExceeded(by: $0, confidence: settings.confidence)
    }
  }

  /// Whether the lines that a threshold is about could be judged.
  public func canJudge(_ threshold: ComparisonThreshold) -> Bool {
    lines.contains { threshold.concerns($0) && $0.verdict != .cannotTell }
  }
}
