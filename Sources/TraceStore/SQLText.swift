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
}
