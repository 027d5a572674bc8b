internal import GRDB
public import TraceModel

/// A row of any query, by the names of its columns.
public struct QueryRow: Sendable {
  private let values: [String: StoredValue]

  init(columns: [String], values: [StoredValue]) {
    self.values = Dictionary(zip(columns, values)) { first, _ in first }
  }

  /// Its values, in no order.
  public var all: [StoredValue] { Array(values.values) }

  /// The text of a column; nil where it is NULL, no text, or not there.
  public func text(_ column: String) -> String? {
    if case .text(let text) = values[column] { text } else { nil }
  }

  /// The integer of a column; nil where it is NULL, no integer, or not there.
  public func integer(_ column: String) -> Int64? {
    if case .integer(let integer) = values[column] { integer } else { nil }
  }

  /// The number of a column, whole or not; nil where it is NULL, no number, or not there.
  public func number(_ column: String) -> Double? {
    switch values[column] {
    case .integer(let integer): Double(integer)
    case .real(let real): real
    default: nil
    }
  }
}

extension IncidentFile {
  /// All rows of one statement of ours that reads. Throws ``StoreError`` for a number that its column cannot hold.
  public func rows(_ sql: String) throws -> [QueryRow] {
    var names: [String] = []
    var rows: [QueryRow] = []
    try query(
      sql, isChecked: true, columns: { names = $0 },
      row: { rows.append(QueryRow(columns: names, values: $0)) })
    return rows
  }

  /// What the rules found, in their order; of one guest and what is about none, when one is given. Throws
  /// ``StoreError`` for a code that is none of those given.
  public func findings(guest: String?, of codes: Set<Finding.Code>) throws -> [Finding] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT * FROM finding WHERE ?1 IS NULL OR guest IS NULL OR guest = ?1
            ORDER BY finding_id
            """,
          arguments: [guest]
        ).map { row in
          let word: String = try row["code"]
          guard let code = codes.first(where: { $0.rawValue == word }) else {
            throw StoreError.unknownWord(word, "code")
          }
          var finding = try Finding(
            code, row.word("severity"), guest: row["guest"], sentence: row["sentence"],
            confidence: row.word("confidence"), because: row["because"],
            evidenceSQL: row["evidence_sql"], nextStep: row["next_step"],
            extent: Finding.Extent(
              from: row["from_ns"], to: row["to_ns"], explains: row["explains_ns"]))
          finding.rank = try row["rank"]
          finding.consequenceOf = try row["consequence_of"]
          return finding
        }
      }
    }
  }
}

extension Database {
  /// Stores what the rules found, in its order, which ends the correlation.
  func storeFindings(_ findings: [Finding]) throws {
    for finding in findings {
      try insert(
        into: "finding_row",
        [
          "code": finding.code.rawValue, "severity": finding.severity.rawValue,
          "guest": finding.guest, "sentence": finding.sentence,
          "confidence": finding.confidence.rawValue, "because": finding.because,
          "evidence_sql": finding.evidenceSQL, "next_step": finding.nextStep,
          "finding_id": finding.rank, "from_ns": finding.extent.from, "to_ns": finding.extent.to,
          "explains_ns": finding.extent.explains, "consequence_of": finding.consequenceOf,
        ])
    }
    try execute(sql: "INSERT OR REPLACE INTO incident_state VALUES ('correlated', '1')")
  }
}
