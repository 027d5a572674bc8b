public import TraceModel
internal import TraceStore

/// Something that the rules found in every incident of one side and in none of the other: a neighbour that came,
/// or went.
public struct OneSidedFinding: Sendable {
  /// The sides.
  public enum Side: String, Sendable {
    /// Before only: it is gone.
    case before
    /// After only: it is new.
    case after
  }

  /// Where it was found.
  public let side: Side
  /// What, in the words of the side's first incident.
  public let finding: Finding

  /// What is worth acting on. Findings about the input itself are not about the system.
  private static func codes(_ file: IncidentFile) throws -> [Finding] {
    try file.findings().filter {
      $0.severity >= .warning && $0.confidence != .none && $0.code != .traceIncomplete
    }
  }

  /// All of a comparison, in the order of the rules: what is new, then what is gone.
  static func all(before: [IncidentFile], after: [IncidentFile]) throws -> [OneSidedFinding] {
    let first = try before.map(codes)
    let second = try after.map(codes)
    func only(_ side: Side, _ own: [[Finding]], _ other: [[Finding]]) -> [OneSidedFinding] {
      (own.first ?? []).filter { finding in
        own.allSatisfy { $0.contains { $0.code == finding.code && $0.guest == finding.guest } }
          && !other.contains { $0.contains { $0.code == finding.code } }
      }.map { OneSidedFinding(side: side, finding: $0) }
    }
    return only(.after, second, first) + only(.before, first, second)
  }
}
