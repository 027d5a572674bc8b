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

  /// Whether the other side's files could have shown it; else it may be there all the same.
  public let isJudgedOnBoth: Bool

  /// All of a comparison, in the order of the rules: what is new, then what is gone.
  static func all(before: [Recording], after: [Recording]) throws -> [OneSidedFinding] {
    let first = try before.map(Reading.init)
    let second = try after.map(Reading.init)
    func only(_ side: Side, _ own: [Reading], _ other: [Reading]) -> [OneSidedFinding] {
      (own.first?.claims ?? []).filter { finding in
        own.allSatisfy {
          $0.claims.contains { $0.code == finding.code && $0.guest == finding.guest }
        }
          && !other.contains { $0.claims.contains { $0.code == finding.code } }
      }.map { finding in
        OneSidedFinding(
          side: side, finding: finding,
          isJudgedOnBoth: other.allSatisfy { its in
            its.judges(finding)
              // More input may be judged otherwise: what a guest says alone, its host's trace may explain.
              && own.allSatisfy { its.inputs(of: finding) == $0.inputs(of: finding) }
          })
      }
    }
    return only(.after, second, first) + only(.before, first, second)
  }
}

/// What an incident's rules found, and what they had to look at.
private struct Reading {
  /// What is worth acting on. Findings about the input itself are not about the system.
  let claims: [Finding]
  /// All that the rules said.
  private let findings: [Finding]
  /// The kinds of input that are there.
  let inputs: Set<Evidence.Kind>

  init(_ recording: Recording) throws {
    let file = recording.file
    findings =
      try recording.window.map {
        try Findings.find(in: file, window: $0, guest: recording.guest)
      } ?? file.findings()
    let aboutInput = Set(allRules.filter { $0.about.isInput }.map(\.code))
    claims = findings.filter {
      $0.severity >= .warning && $0.confidence != .none
        && !aboutInput.contains($0.code)
    }
    inputs = try Set(Evidence.Kind.allCases.filter { try !file.rows($0.sql + " LIMIT 1").isEmpty })
  }

  /// Whether no rule of it reports that it cannot judge such a thing. A guest may have another name here.
  func judges(_ finding: Finding) -> Bool {
    let isKnown = finding.guest == nil || findings.contains { $0.guest == finding.guest }
    return !findings.contains {
      $0.confidence == .none && $0.code == finding.code
        && ($0.guest == nil || $0.guest == finding.guest || !isKnown || finding.guest == nil)
    }
  }

  /// The kinds of input of this incident that a finding of it rests on.
  func inputs(of finding: Finding) -> Set<Evidence.Kind> {
    inputs.intersection(
      allRules.filter { $0.code == finding.code }.flatMap { $0.inputs(of: finding) })
  }
}
