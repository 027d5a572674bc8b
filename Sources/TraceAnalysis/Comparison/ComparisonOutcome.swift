internal import TraceModel

/// What a comparison shows in a word, and the lines that it rests on: those of the total of each disk.
public struct ComparisonOutcome: Sendable {
  /// The words.
  public enum Kind: String, CaseIterable, Sendable {
    /// The total of a disk is shown to be longer, of none to be shorter.
    case worse
    /// The total of a disk is shown to be shorter, of none to be longer.
    case better
    /// One is shown to be longer and another shorter.
    case mixed
    /// Nothing is shown, but the total is beyond its own interval.
    case unsure
    /// The total of no disk is shown to differ.
    case noDifference = "no difference shown"
    /// The disks had another load.
    case notComparable = "not comparable"
    /// The data do not suffice.
    case cannotTell = "cannot tell"
    /// A side's files are not of one capture.
    case capturesMixed = "captures mixed"
  }

  /// A disk's total.
  public struct Disk: Sendable {
    /// What the disk had to do, and its names.
    public let load: LoadComparison
    /// What its total shows.
    public let kind: Kind
    /// The total of its I/Os by statistic, from the mean on; from Q to C where the total cannot be judged.
    public let lines: [ComparisonLine]

    /// A line of the total; nil where it was not observed.
    public func line(_ statistic: Statistic) -> ComparisonLine? {
      lines.first { $0.statistic == statistic }
    }

    /// The line that stands for it: the mean where it shows what the disk shows, else the first quantile that does.
    public var headline: ComparisonLine? {
      let wanted: ComparisonVerdict? =
        switch kind {
        case .worse: .worse
        case .better: .better
        default: nil
        }
      if let wanted { return lines.first { $0.verdict == wanted } }
      if kind == .unsure { return lines.first(where: \.isUncorrected) }
      if kind == .cannotTell, let line = lines.first(where: \.isExcused) { return line }
      return line(.mean) ?? lines.first
    }
  }

  /// All of it.
  public let kind: Kind
  /// The disks, those first that it rests on.
  public let disks: [Disk]

  /// Disks that stand for nothing beside others: these have fewer I/Os than so large a part of the busiest one's.
  private static let leastPart = 0.01

  init(loads: [LoadComparison], lines: [ComparisonLine], isMixed: Bool) {
    let most = loads.map { min($0.before.count, $0.after.count) }.max() ?? 0
    let disks = loads.map { load in Disk(load, lines) }
    func weight(_ disk: Disk) -> Int { min(disk.load.before.count, disk.load.after.count) }
    let heavy = disks.filter { Double(weight($0)) >= Self.leastPart * Double(most) }
    let kinds = Set(heavy.map(\.kind))
    let all: Kind
    if isMixed {
      all = .capturesMixed
    } else if kinds.contains(.mixed) || kinds.isSuperset(of: [.worse, .better]) {
      all = .mixed
    } else {
      all =
        [.worse, .better, .unsure, .notComparable, .noDifference].first(where: kinds.contains)
        ?? .cannotTell
    }
    kind = all
    let order = Kind.allCases
    func place(_ disk: Disk) -> Int {
      disk.kind == all ? -1 : order.firstIndex(of: disk.kind) ?? order.count
    }
    self.disks = disks.sorted {
      (place($0), -weight($0), $0.load.guest, $0.load.device)
        < (place($1), -weight($1), $1.load.guest, $1.load.device)
    }
  }
}

extension ComparisonOutcome.Disk {
  fileprivate init(_ load: LoadComparison, _ lines: [ComparisonLine]) {
    self.load = load
    let own = lines.filter {
      $0.guest == load.guest && $0.device == load.device && $0.op == BlockOperation.together
    }
    let whole = own.filter { $0.subject == Hop.total.name }
    // Where the page cache was observed on one side, the way from Q to C is what both have.
    self.lines =
      whole.contains { $0.verdict != .cannotTell }
      ? whole
      : own.filter { $0.subject == Hop.block.name }.isEmpty
        ? whole : own.filter { $0.subject == Hop.block.name }
    let verdicts = Set(self.lines.map(\.verdict))
    kind =
      if verdicts.isSuperset(of: [.worse, .better]) {
        .mixed
      } else if verdicts.contains(.worse) {
        .worse
      } else if verdicts.contains(.better) {
        .better
      } else if self.lines.contains(where: \.isUncorrected) {
        .unsure
      } else if self.lines.contains(where: \.isExcused) {
        .cannotTell
      } else if verdicts.contains(.noDifference) {
        .noDifference
      } else if !load.obstacles.isEmpty {
        .notComparable
      } else {
        .cannotTell
      }
  }
}
