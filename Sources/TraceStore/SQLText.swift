public import TraceModel

/// Text of the input within statements.
///
/// Values are bound wherever that can be. The statements of rules and sections hold theirs as literals: a finding's
/// statement is its evidence, which anybody must be able to run as it stands. This is the one place that makes them.
public enum SQLText {
  /// A text as a literal of SQLite: `it's` becomes `'it''s'`. Whatever is in it, it ends where the literal ends.
  public static func literal(_ text: String) -> String {
    let parts = text.split(separator: "\0", omittingEmptySubsequences: false).map { part in
      "'" + part.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
        + "'"
    }
    // A statement ends at its first NUL.
    return parts.count == 1 ? parts[0] : "(" + parts.joined(separator: " || char(0) || ") + ")"
  }

  /// Words as a list: `('exact', 'merged', 'split')`.
  public static func list(_ words: some Sequence<some Vocabulary>) -> String {
    "(" + words.map { literal($0.name) }.joined(separator: ", ") + ")"
  }

  /// The number of the virtual CPU that a thread runs, by its name, of any ``Hypervisor``; NULL for other threads.
  public static func virtualCPU(ofThread name: String) -> String {
    let patterns = Hypervisor.vcpuPatterns.map {
      "WHEN \(name) GLOB \(literal($0.pattern)) THEN substr(\(name), \($0.head + 1)) + 0"
    }
    return "CASE \(patterns.joined(separator: " ")) END"
  }

  /// The place of a column's word among some, to order by.
  static func rank(_ column: String, _ words: some Sequence<some Vocabulary>) -> String {
    "CASE \(column) "
      + words.enumerated().map { "WHEN \(literal($1.name)) THEN \($0)" }.joined(separator: " ")
      + " END"
  }

  /// The word of a number that stands for it; NULL where it stands for none.
  static func word<Word: CodedVocabulary>(of number: String, _ type: Word.Type) -> String {
    let words = type.allCases.filter { !$0.name.isEmpty }
    return "CASE \(number) "
      + words.map { "WHEN \($0.rawValue) THEN \(literal($0.name))" }.joined(separator: " ") + " END"
  }
}
