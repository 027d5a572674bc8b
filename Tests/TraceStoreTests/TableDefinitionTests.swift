import GRDB
import Testing

@testable import TraceStore

/// What is read of `schema/tables.sql` is what SQLite makes of it.
struct TableDefinitionTests {
  @Test("tables and columns are those that SQLite makes of the file, in its order")
  func same() throws {
    let made = try DatabaseQueue().write { db in
      try db.makeTables()
      return try Row.fetchAll(
        db,
        sql: """
          SELECT tables.name AS t, columns.name AS c, columns.type AS type
          FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
          WHERE tables.type = 'table' ORDER BY tables.rowid, columns.cid
          """
      ).map { "\($0["t"] as String).\($0["c"] as String) \($0["type"] as String)" }
    }
    let read = TableDefinition.all.flatMap { table in
      table.columns.map { "\(table.name).\($0.name) \($0.type)" }
    }
    #expect(read == made)
    #expect(made.count > 400)
  }

  @Test("every note behind a column is one that something understands")
  func notes() {
    for table in TableDefinition.all {
      for column in table.columns {
        guard let note = column.note else { continue }
        let isUnderstood =
          column.type == "TEXT" ? column.treatment != nil : column.range != nil
        #expect(isUnderstood, "\(table.name).\(column.name): \(note)")
      }
    }
  }

  @Test(
    "columns of one name hold the same numbers, whatever their table: rows are checked by the name")
  func oneName() {
    for (name, columns) in Dictionary(
      grouping: TableDefinition.all.flatMap(\.columns).filter({ $0.type != "TEXT" }), by: \.name)
    {
      let ranges = columns.compactMap(\.range)
      #expect(ranges.allSatisfy { $0 == NumberRange.of(name) }, "\(name)")
    }
  }

  @Test("a column has its comment, its type and its note; a constraint is no column")
  func columns() throws {
    let table = try #require(
      TableDefinition.read(
        """
        -- A thread.
        CREATE TABLE task (
          -- The number
          -- of it.
          pid INTEGER NOT NULL,
          "in" INTEGER,
          comm TEXT NOT NULL,  -- names: threads
          UNIQUE (pid, comm)
        ) STRICT;
        """
      ).first)
    #expect(table.name == "task" && !table.isFound)
    #expect(table.columns.map(\.name) == ["pid", "in", "comm"])
    #expect(table.columns.map(\.about) == ["The number of it.", "", ""])
    #expect(table.columns.map(\.type) == ["INTEGER", "INTEGER", "TEXT"])
    #expect(table.columns.map(\.sql) == ["pid", "\"in\"", "comm"])
    #expect(table.columns[2].treatment == .replace(.threads))
    #expect(table.columns(from: "in", to: nil)?.map(\.name) == ["in", "comm"])
    #expect(table.columns(from: "comm", to: "pid") == nil)
  }
}
