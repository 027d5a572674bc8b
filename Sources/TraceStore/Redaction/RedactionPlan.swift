/// What becomes of every column of text in the copy of an incident that leaves the house. `schema/tables.sql` says it
/// behind the column; a test holds that none is without.
enum RedactionPlan {
  /// What is done with the values of a column.
  enum Treatment: Sendable, Hashable {
    /// Words of ours, of the kernel or of a tool: nobody chose them.
    case keep
    /// Names of people's things are replaced.
    case replace(RedactedKind)
    /// Text in which anything may stand and which no number rests on: taken out.
    case takeOut
    /// Taken out, and written anew by the rules out of what the copy then holds.
    case writeAnew

    /// `kept`, `names: threads`, `taken out`, `written anew`; nil for other notes.
    init?(note: String) {
      let kinds = RedactedKind.allCases.map { (Treatment.replace($0), "names: \($0)") }
      let notes = kinds + [(.keep, "kept"), (.takeOut, "taken out"), (.writeAnew, "written anew")]
      guard let found = notes.first(where: { $0.1 == note }) else { return nil }
      self = found.0
    }
  }

  /// That of a column; nil for one that no table of ours has.
  static func treatment(_ table: String, _ column: String) -> Treatment? {
    treatments[table]?[column]
  }

  private static let treatments = Dictionary(
    uniqueKeysWithValues: TableDefinition.all.map { table in
      (
        table.name,
        Dictionary(
          uniqueKeysWithValues: table.columns.compactMap { column in
            column.treatment.map { (column.name, $0) }
          })
      )
    })
}

/// What kind of thing a name is of, for people who look at what is replaced. It makes no difference to the
/// pseudonym: a guest and a file of one name stay of one name.
public enum RedactedKind: String, CaseIterable, Sendable {
  /// Guests and hosts.
  case machines = "machines"
  /// Threads and processes.
  case threads = "processes, threads"
  /// Disks, interfaces, queues and what else is counted.
  case devices = "devices, interfaces"
  /// Files, with their folders.
  case files = "files, folders"
  /// Values of settings, options and headers.
  case settings = "settings, headers"
}
