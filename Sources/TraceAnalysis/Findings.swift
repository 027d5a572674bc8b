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

  /// What the rules find, the most severe first; what cannot be judged last. Thresholds by name replace
  /// the standard ones.
  ///
  /// If the files are not of one capture, all other findings are withheld: they would describe no real system.
  public static func find(
    in file: IncidentFile, thresholds: [String: Double] = [:]
  ) throws -> [Finding] {
    let evidence = Evidence(file, given: thresholds)
    let mixed = try CapturesMixed().findings(evidence)
    guard mixed.isEmpty else { return mixed }
    let found = try allRules.filter { $0.code != .capturesMixed }.flatMap {
      try $0.findings(evidence)
    }
    .map(\.withoutContradiction)
    let judged = found.filter { $0.confidence != .none }
    return Finding.Severity.allCases.sorted(by: >).flatMap { severity in
      judged.filter { $0.severity == severity }
    } + found.filter { $0.confidence == .none }
  }
}

extension Finding {
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
