internal import GRDB

/// The views that an incident file stores, where they are not those of this program.
///
/// The views of the schema are there twice: as temporary views of each connection, which is what this program reads, and
/// stored in the file for other tools. A temporary view comes before one of the same name in the file. So a file from
/// anywhere can hold any view, and one of another version of hiddenq older ones: they are not run, and changing a view
/// does not change the schema.
struct StoredViews: Sendable {
  /// Those of the current schema that the file has otherwise than this program would store them, or lacks.
  var changed: Set<String> = []
  /// Those that somebody added, in lower case.
  var added: Set<String> = []

  /// Throws ``StoreError`` when a statement names a view that the file stores and that may read one of the changed:
  /// as `main.io`, for `io` alone is the connection's own. Views that were added are found when it is compiled.
  func check(_ sql: String) throws {
    guard !changed.isEmpty else { return }
    let ours = Set(Schema.files.compactMap(\.storedView))
    let words = SchemaCheck.words(of: sql).lowercased().split(separator: " ")
      .map { $0.filter { !"\"'`[]".contains($0) } }
    for (place, word) in words.enumerated().dropFirst(2)
    where words[place - 1] == "." && words[place - 2] == "main" && ours.contains(word) {
      throw refusal(word)
    }
  }

  /// Whether a view was added and may read one of the changed.
  func isRefused(_ view: String) -> Bool { !changed.isEmpty && added.contains(view.lowercased()) }

  func refusal(_ view: String) -> StoreError {
    StoreError(
      .statement,
      "the view '\(view)' is not run: this file stores other views than this hiddenq would ("
        + changed.sorted().joined(separator: ", ") + "); 'hiddenq correlate' stores them anew")
  }
}

extension Database {
  /// Makes the tables of the current schema.
  func makeTables() throws {
    for file in Schema.files where file.makesTables { try execute(sql: file.text) }
  }

  /// Makes this connection's views; the tables need not be there yet.
  func makeTemporaryViews() throws {
    for file in Schema.files where file.storedView != nil { try execute(sql: file.temporaryView) }
  }

  /// Stores views in the file, in place of those that are there: all, or some by name.
  func storeViews(_ names: Set<String>? = nil) throws {
    for file in Schema.files {
      guard let name = file.storedView, names?.contains(name) ?? true else { continue }
      try execute(sql: "DROP VIEW IF EXISTS main.\(name)")
      try execute(sql: file.text)
    }
  }
}
