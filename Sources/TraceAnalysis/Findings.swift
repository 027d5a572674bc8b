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
  public static func find(
    in file: IncidentFile, thresholds: [String: Double] = [:]
  ) throws -> [Finding] {
    let evidence = Evidence(file, given: thresholds)
    let found = try allRules.flatMap { try $0.findings(evidence) }
    let judged = found.filter { $0.confidence != .none }
    return Finding.Severity.allCases.sorted(by: >).flatMap { severity in
      judged.filter { $0.severity == severity }
    } + found.filter { $0.confidence == .none }
  }
}
