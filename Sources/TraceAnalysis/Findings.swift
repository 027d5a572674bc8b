public import TraceModel
public import TraceStore

/// Runs the rules over a correlated incident.
public enum Findings {
  /// A rule as users see it: what it finds, and where its limits are.
  public struct Description: Sendable {
    /// What it can find.
    public let code: Finding.Code
    /// Its limits.
    public let thresholds: [Threshold]
  }

  /// All rules.
  public static var rules: [Description] {
    allRules.map { Description(code: $0.code, thresholds: $0.thresholds) }
  }

  /// What the rules find, in the order of ``FindingOrder``. Thresholds by name replace the standard ones.
  ///
  /// If the files are not of one capture, all other findings are withheld: they would describe no real system.
  public static func find(
    in file: IncidentFile, thresholds: [String: Double] = [:]
  ) throws -> [Finding] {
    var read: [DiskSlices]?
    return try find(in: file, thresholds: thresholds) {
      if let read { return read }
      let slices = try DiskSlices.all(file)
      read = slices
      return slices
    }
  }

  /// The same with the slices of the disks, from who has their I/Os at hand.
  static func find(
    in file: IncidentFile, thresholds: [String: Double], slices: @escaping Evidence.Slices
  ) throws -> [Finding] {
    let evidence = Evidence(file, given: thresholds, slices: slices)
    let mixed = try CapturesMixed().findings(evidence)
    guard mixed.isEmpty else {
      return try FindingOrder(mixed.map { ($0, []) }).findings.map(evidence.proven)
    }
    return try FindingOrder(
      try allRules.filter { $0.code != .capturesMixed }.flatMap { try found($0, evidence) }
    ).findings.map(evidence.proven)
  }

  /// The same of a part of a correlated capture, on the timeline in ns; of one guest and what is about none, when one is
  /// given. Rules that need the whole capture are listed with confidence none.
  public static func find(
    in file: IncidentFile, window: Range<Int64>, guest: String? = nil,
    thresholds: [String: Double] = [:]
  ) throws -> [Finding] {
    let input = Set(allRules.filter { $0.about.isInput }.map(\.code))
    // What the files lack they lack in each part.
    let aboutInput = try file.findings(guest: guest).filter { input.contains($0.code) }
    if aboutInput.contains(where: { $0.code == .capturesMixed }) { return aboutInput }
    let sums = try SelectedSums(file, window)
    let evidence = Evidence(file, given: thresholds, window: window)
    var judged: [(finding: Finding, follows: [Precursor])] = []
    var open: [Finding] = []
    var judging: Set<Finding.Code> = []
    try sums.during {
      for rule in allRules where !rule.about.isInput {
        guard let inputs = rule.judgesSelections else {
          open.append(.notJudged(rule.code, "the whole capture is needed"))
          continue
        }
        if !inputs.isEmpty, inputs.isSubset(of: sums.unplaced) {
          open.append(
            .notJudged(
              rule.code, "nothing of what is read lies in that time, as far as clocks tell"))
          continue
        }
        judging.insert(rule.code)
        judged += try found(rule, evidence).map { ($0.finding.withReason, $0.follows) }
      }
    }
    var order = FindingOrder(
      judged.filter { guest == nil || $0.finding.guest == nil || $0.finding.guest == guest }
        + aboutInput.map { ($0, []) })
    // Of rules that find the same, one that judges speaks for the other.
    var listed = judging
    for finding in open where listed.insert(finding.code).inserted {
      order.add(finding, consequenceOf: nil)
    }
    return order.findings
  }

  /// What a rule finds, each with what it may be a consequence of.
  private static func found(
    _ rule: any Rule, _ evidence: Evidence
  ) throws -> [(finding: Finding, follows: [Precursor])] {
    try rule.findings(evidence).map { finding in
      (finding.withoutContradiction, rule.follows(finding))
    }
  }

  /// What the whole capture shows of its tails, in the order of its guests; of one when one is given.
  public static func aboutTail(in file: IncidentFile, guest: String? = nil) throws -> [Finding] {
    let evidence = Evidence(file, given: [:])
    guard try CapturesMixed().findings(evidence).isEmpty else { return [] }
    let found = try tailRules.flatMap { try $0.findings(evidence) }.map(\.withoutContradiction)
    return found.filter { $0.confidence != .none && (guest == nil || $0.guest == guest) }
      .sorted { ($0.guest ?? "") < ($1.guest ?? "") }
  }
}

extension Finding {
  /// That a rule does not judge a part of the capture, and why.
  fileprivate static func notJudged(_ code: Code, _ reason: String) -> Finding {
    Finding(
      code, .info, guest: nil, sentence: "\(notJudgedHead) \(reason).", confidence: .none,
      because: "Its findings of the whole capture need not hold for a part of it.",
      evidenceSQL: nil,
      nextStep:
        "See what it finds in the whole capture ('hiddenq findings' without --from and --to).")
  }

  private static let notJudgedHead = "Not judged for a part of the capture:"

  /// Why its rule does not judge a part of the capture; nil where it says something else.
  public var notJudgedReason: String? {
    guard confidence == .none, sentence.hasPrefix(Self.notJudgedHead) else { return nil }
    return String(sentence.dropFirst(Self.notJudgedHead.count + 1).dropLast())
  }

  /// Itself, and why there is no statement that proves it.
  fileprivate var withReason: Finding {
    guard evidenceSQL == nil else { return self }
    var explained = self
    explained.because +=
      " Its sums are of a part of the capture; no table of the file has them, so there is no statement that returns "
      + "them."
    return explained
  }

  /// Itself; or, where its sentence has a share of more than the whole, that it is unknown, and why. A number
  /// that cannot be is not cut to one that can.
  fileprivate var withoutContradiction: Finding {
    guard confidence != .none, let share = Self.impossibleShare(in: sentence) else { return self }
    return Finding(
      code, .info, guest: guest,
      sentence:
        "The numbers of this finding contradict each other: a part of a whole would be \(share), which is more than "
        + "all of it. So it is withheld.",
      confidence: .none,
      because: "Sources that overlap, or a damaged number, add up to more than there was.",
      evidenceSQL: evidenceSQL,
      nextStep:
        "Run its evidence (finding.evidence_sql) to see the numbers, and see that each trace was ingested once."
    )
  }

  /// The first share above 100 % in a sentence: `181.5 %`. Growth is given as how much longer something took, and
  /// time on several CPUs in CPUs.
  static func impossibleShare(in sentence: String) -> String? {
    let words = sentence.split(separator: " ")
    for (number, sign) in zip(words, words.dropFirst()) where sign.first == "%" {
      let digits = number.drop { "(~".contains($0) }.filter { $0 != "," }
      // Rounded sums of parts may be a little above.
      if let value = Double(digits), value > 100.1 { return "\(digits) %" }
    }
    return nil
  }
}
