internal import TraceModel

/// Counts trouble by kind and keeps where it was first seen.
struct ProblemTally {
  private var problems: [ProblemKind: Problem] = [:]

  /// Bytes of a line that are kept to show it.
  static let excerptLength = 120

  /// Notes trouble in a line.
  mutating func add(
    _ kind: ProblemKind, line: Int64, column: Int?, bytes: Span<UInt8>, from start: Int, to end: Int
  ) {
    if problems[kind] != nil {
      problems[kind]?.count += 1
    } else {
      problems[kind] = Problem(
        kind: kind, line: line, column: column, count: 1,
        excerpt: bytes.text(from: start, to: min(end, start + Self.excerptLength)))
    }
  }

  /// Notes trouble that is about no line.
  mutating func add(
    _ kind: ProblemKind, count: Int64, line: Int64? = nil, excerpt: @autoclosure () -> String? = nil
  ) {
    guard count > 0 else { return }
    if problems[kind] != nil {
      problems[kind]?.count.add(saturating: count)
    } else {
      problems[kind] = Problem(
        kind: kind, line: line, column: nil, count: count, excerpt: excerpt())
    }
  }

  /// Adds what another tally noted.
  mutating func add(_ problem: Problem) {
    if problems[problem.kind] != nil {
      problems[problem.kind]?.count.add(saturating: problem.count)
    } else {
      problems[problem.kind] = problem
    }
  }

  /// All of it, in the order of the kinds.
  var all: [Problem] { ProblemKind.allCases.compactMap { problems[$0] } }
}
