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
  public func rows(_ sql: String) throws -> [QueryRow] { try result(of: sql).rows }

  /// All rows of one statement of ours that reads, and what a finding keeps of them; errors as ``rows(_:)``.
  public func result(of sql: String) throws -> (rows: [QueryRow], returned: Finding.Returned) {
    var names: [String] = []
    var rows: [QueryRow] = []
    var returned = Finding.Returned(columns: [], rows: [])
    try query(
      sql, isChecked: true,
      columns: {
        names = $0
        returned.columns = Array($0.prefix(Finding.Returned.mostColumns))
      },
      row: { values in
        rows.append(QueryRow(columns: names, values: values))
        guard returned.rows.count < Finding.Returned.mostRows else { return }
        returned.rows.append(values.prefix(Finding.Returned.mostColumns).map(\.text))
      })
    return (rows, returned)
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
          finding.returned = try db.returned(by: row["finding_id"])
          return finding
        }
      }
    }
  }
}

extension StoredValue {
  /// As SQLite prints it; nil for NULL and for bytes, which no evidence has.
  fileprivate var text: String? {
    switch self {
    case .null, .blob: nil
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): text
    }
  }
}

extension Database {
  /// What the evidence of a finding returned; nil where none is stored.
  fileprivate func returned(by finding: Int64) throws -> Finding.Returned? {
    var returned = Finding.Returned(columns: [], rows: [])
    let most = Finding.Returned.mostRows * Finding.Returned.mostColumns
    for row in try Row.fetchAll(
      self,
      sql: """
        SELECT row, name, value FROM finding_evidence WHERE finding_id = ? ORDER BY row, place LIMIT ?
        """, arguments: [finding, most])
    {
      let number: Int = try row["row"]
      if number == 1 { returned.columns.append(try row["name"]) }
      if number > returned.rows.count { returned.rows.append([]) }
      returned.rows[returned.rows.count - 1].append(try row["value"])
    }
    return returned.rows.isEmpty ? nil : returned
  }

  private func store(_ returned: Finding.Returned, of finding: Int?) throws {
    for (row, values) in returned.rows.enumerated() {
      for (place, (name, value)) in zip(returned.columns, values).enumerated() {
        try insert(
          into: "finding_result",
          [
            "finding_id": finding, "row": row + 1, "place": place + 1, "name": name,
            "value": value,
          ])
      }
    }
  }

  /// Takes all findings out.
  func deleteFindings() throws {
    try execute(sql: "DELETE FROM finding_row")
    try execute(sql: "DELETE FROM finding_result")
  }

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
      if let returned = finding.returned { try store(returned, of: finding.rank) }
    }
    try execute(sql: "INSERT OR REPLACE INTO incident_state VALUES ('correlated', '1')")
  }
}
