internal import TraceAnalysis
internal import TraceModel

/// What a comparison shows, in one sentence: the title of its document.
struct ComparisonVerdictLine {
  let comparison: Comparison

  /// `Worse: web1 vdb: I/Os take 112 ms on average, 27.8 ms before (x 4.1, 2.4 to 6.6); fio asks its disk after only`.
  var text: String {
    let outcome = comparison.outcome
    guard let disk = outcome.disks.first else { return without(outcome.kind) }
    let others = outcome.disks.count - 1
    let main =
      switch outcome.kind {
      case .worse: "Worse: \(change(disk))"
      case .better: "Better: \(change(disk))"
      case .unsure:
        "\((disk.headline?.change ?? 0) > 0 ? "Perhaps worse" : "Perhaps better"), not shown: \(change(disk))\(load(disk))"
      case .mixed: "Better and worse: \(mixed(outcome.disks))"
      case .noDifference: "No difference shown: \(change(disk))"
      case .notComparable: "Not comparable: \(obstacle(disk))"
      case .cannotTell, .capturesMixed: "Cannot tell: \(reason(disk))"
      }
    let rest = [
      others > 0 && outcome.kind != .mixed ? of(outcome.disks.dropFirst()) : nil, besides(disk),
      disturbances(disk),
    ]
    return Printable.text(([main] + rest.compactMap(\.self)).joined(separator: "; "))
  }

  /// A disk by the guest's name and its own.
  static func name(_ guest: String, _ device: String, in comparison: Comparison) -> String {
    "\(guest) \(comparison.diskNames[guest]?[device] ?? device)"
  }

  private func name(_ disk: ComparisonOutcome.Disk) -> String {
    Self.name(disk.load.guest, disk.load.device, in: comparison)
  }

  // MARK: The total

  /// `web1 vdb: I/Os take 112 ms on average, 27.8 ms before (x 4.1, 2.4 to 6.6)`.
  private func change(_ disk: ComparisonOutcome.Disk) -> String {
    guard let line = disk.headline else { return name(disk) }
    return "\(name(disk)): \(change(line))"
  }

  private func change(_ line: ComparisonLine) -> String {
    guard let before = line.before, let after = line.after else { return "not observed" }
    let what = line.statistic == .mean ? "I/Os take" : "\(line.statistic.rawValue) is"
    let how = line.statistic == .mean ? " on average" : ""
    return
      "\(what) \(Self.brief(after))\(how), \(Self.brief(before)) before"
      + (ChangeText.change(line, unit: nil).map {
        " (\($0.replacing(" (", with: ", ").replacing(" .. ", with: " to ").replacing(")", with: "")))"
      } ?? "")
  }

  /// That another rate of I/Os may be the reason.
  private func load(_ disk: ComparisonOutcome.Disk) -> String {
    let change = disk.headline?.change ?? 0
    guard disk.load.rateChange != 0, (change > 0) == (disk.load.rateChange > 0) else { return "" }
    return
      ", with \(Quantity.decimal(disk.load.after.rate, digits: 0)) I/Os/s, "
      + "\(Quantity.decimal(disk.load.before.rate, digits: 0)) before"
  }

  private static func brief(_ value: Double) -> String {
    Int64(exactly: value.rounded()).map(Quantity.brief) ?? "\(value) ns"
  }

  /// Of one disk the quantities that moved either way; of several each disk's.
  private func mixed(_ disks: [ComparisonOutcome.Disk]) -> String {
    let moved = disks.flatMap { disk in
      [ComparisonVerdict.worse, .better].compactMap { verdict in
        disk.lines.first { $0.verdict == verdict }.map { (disk: disk, line: $0) }
      }
    }
    var parts: [String] = []
    for verdict in [ComparisonVerdict.worse, .better] {
      if let one = moved.first(where: { $0.line.verdict == verdict }) {
        parts.append("\(name(one.disk)) \(verdict.rawValue), \(change(one.line))")
      }
    }
    return parts.joined(separator: "; ")
  }

  private func obstacle(_ disk: ComparisonOutcome.Disk) -> String {
    "\(name(disk)): \(disk.load.obstacles.first?.what ?? "it had another load")"
  }

  private func reason(_ disk: ComparisonOutcome.Disk) -> String {
    if disk.headline?.isExcused ?? false {
      return "\(change(disk))\(load(disk))"
    }
    let reasons = disk.lines.compactMap(\.reason)
    return "\(name(disk)): \(reasons.first ?? "its I/Os are not known from Q to C on both sides")"
  }

  /// `1 more disk worse, 2 with no difference shown`.
  private func of(_ disks: some Sequence<ComparisonOutcome.Disk>) -> String {
    let kinds = Dictionary(grouping: disks, by: \.kind)
    return ComparisonOutcome.Kind.allCases.compactMap { kind in
      kinds[kind].map { own in
        let words =
          switch kind {
          case .worse, .better: "\(kind.rawValue)"
          case .mixed: "better and worse"
          case .unsure: "not shown"
          case .noDifference: "no difference shown"
          case .notComparable: "not comparable"
          case .cannotTell, .capturesMixed: "cannot tell"
          }
        return "\(own.count) more \(own.count == 1 ? "disk" : "disks"): \(words)"
      }
    }.joined(separator: ", ")
  }

  // MARK: Beside the total

  /// Where the total is not shown to differ, what is: single hops and other layers, at most three.
  private func besides(_ disk: ComparisonOutcome.Disk) -> String? {
    guard ![.worse, .better, .mixed].contains(comparison.outcome.kind) else { return nil }
    let own = comparison.lines.filter {
      ($0.guest == disk.load.guest || $0.guest == nil)
        && ($0.device == disk.load.device || $0.device == nil)
        && ($0.op == BlockOperation.together || $0.op == nil)
        && $0.subject != MeasuredSubject.queueDepth.name
    }
    return shown(own)
  }

  /// `H2, H5 shorter, less steal`.
  private func shown(_ lines: [ComparisonLine]) -> String? {
    var words: [(word: String, names: [String])] = []
    for line in lines where line.verdict == .worse || line.verdict == .better {
      let isMore = line.verdict == .worse
      let hop = Hop(name: line.subject)
      let word = hop != nil ? isMore ? "longer" : "shorter" : isMore ? "more" : "less"
      let name = hop?.code ?? ComparisonSections.name(of: line.subject)
      if !words.contains(where: { $0.word == word }) { words.append((word, [])) }
      if let place = words.firstIndex(where: { $0.word == word }),
        !words[place].names.contains(name)
      {
        words[place].names.append(name)
      }
    }
    let parts = words.map { word, names in
      let list =
        names.count > 3
        ? names.prefix(3).joined(separator: ", ") + " ..."
        : names.dropLast().joined(separator: ", ") + (names.count > 1 ? " and " : "")
          + (names.last ?? "")
      return ["longer", "shorter"].contains(word) ? "\(list) \(word)" : "\(word) \(list)"
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// What one side alone had beside the guest's own load: the verdict is of that, too.
  private func disturbances(_ disk: ComparisonOutcome.Disk) -> String? {
    let own = comparison.disturbances.filter {
      $0.guest == disk.load.guest && ($0.device == nil || $0.device == disk.load.device)
        && ($0.isOneSided ?? false) && $0.name != "recording tools"
    }
    guard let first = own.first(where: { $0.kind == .rateLimit }) ?? own.first else { return nil }
    return DisturbanceText.sentence(first)
  }

  // MARK: Without disks

  private func without(_ kind: ComparisonOutcome.Kind) -> String {
    if kind == .capturesMixed {
      return "Cannot tell: the files of a side are not of one capture"
    }
    let words = shown(comparison.lines)
    return comparison.canBeJudged
      ? words.map { "No disk to compare: \($0)" }
        ?? "No disk to compare; no other layer is shown to differ"
      : "Cannot tell: no disk of a guest is on both sides"
  }
}

/// Disturbances in words.
enum DisturbanceText {
  /// `fio asks its disk after only`.
  static func sentence(_ one: Disturbance) -> String {
    let isAfter = (one.after?.value ?? 0) > (one.before?.value ?? 0)
    let side = isAfter ? "after" : "before"
    let name = one.name == "others" ? "another process" : Printable.text(one.name ?? "")
    return switch one.kind {
    case .cpuNeighbour: "\(name) used the same CPUs \(side) only"
    case .diskNeighbour: "\(name) used the same disk \(side) only"
    case .pause: "the guest stood still for a time \(side) only"
    case .stall: "the disk below stalled \(side) only"
    case .rateLimit:
      "\(side) only, a rate limit seems to hold at "
        + Quantity.decimal((isAfter ? one.after : one.before)?.value ?? 0, digits: 0)
        + " requests/s"
    }
  }

  /// What it is, in a row.
  static func name(_ one: Disturbance) -> String {
    let name = one.name.map(Printable.text) ?? ""
    return switch one.kind {
    case .cpuNeighbour: "\(name) on its CPUs, % of vCPU time"
    case .diskNeighbour: "\(name) on its disk, requests/s"
    case .pause: "guest paused, ms/s"
    case .stall: "disk below stalled, ms/s"
    case .rateLimit: "even rate, as under a limit, /s"
    }
  }

  /// `24.5 (in 72 % of the time)`; `-` where the side's files cannot show it.
  static func amount(_ amount: Disturbance.Amount?) -> String {
    guard let amount else { return "-" }
    guard amount.value > 0 else { return "0" }
    return Quantity.decimal(amount.value, digits: amount.value < 99.95 ? 1 : 0)
  }

  static func presence(_ amount: Disturbance.Amount?) -> String {
    guard let presence = amount?.presence, amount?.value ?? 0 > 0 else { return "-" }
    return Quantity.share(presence)
  }
}
