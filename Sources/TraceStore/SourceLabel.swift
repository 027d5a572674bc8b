internal import GRDB
public import TraceModel

/// What the name of a file of counters says of whose they are.
public struct SourceLabel: Sendable {
  /// The words of its path.
  public let label: ThingLabel
  /// Whether its readings have dates.
  public let isDated: Bool

  /// The files whose counters may not be of what the first file's are, by what tells them apart: `web2` for
  /// `web2-ip.txt` beside `web1-ip.txt`. Where both have dates they are one machine's unless their names differ by a
  /// number alone: two loops may have any names. `before` and `after`, dates and numbers tell nothing apart.
  public static func apart(_ labels: [Int64: SourceLabel]) -> [Int64: String] {
    var groups: [[SourceLabel]] = []
    var names: [Int64: String] = [:]
    for (source, own) in labels.sorted(by: { $0.key < $1.key }) {
      let group = groups.firstIndex { others in
        !others.contains { own.label.excludes($0.label, isSure: own.isDated && $0.isDated) }
      }
      if let group {
        groups[group].append(own)
      } else {
        groups.append([own])
      }
      guard let first = groups.first?.first, group != 0, groups.count > 1 else { continue }
      let words = own.label.words.filter { !first.label.words.contains($0) }
      names[source] = words.isEmpty ? "file \(source)" : words.joined(separator: " ")
    }
    return names
  }
}

extension IncidentFile {
  /// What the names of all files of counters say.
  public func sourceLabels() throws -> [Int64: SourceLabel] {
    try translating { try queue.read { try $0.sourceLabels() } }
  }
}

extension Database {
  /// What the names of all files of counters say.
  func sourceLabels() throws -> [Int64: SourceLabel] {
    let rows = try Row.fetchAll(
      self,
      sql: """
        SELECT source_id, path, EXISTS (SELECT 1 FROM counter_moment AS moment
          WHERE moment.source_id = source_file.source_id AND wall_ns IS NOT NULL)
        FROM source_file
        WHERE source_id IN (SELECT source_id FROM counter_moment)
        """)
    return try Dictionary(
      uniqueKeysWithValues: rows.map { row in
        try (row[0] as Int64, SourceLabel(label: ThingLabel(row[1] as String), isDated: row[2]))
      })
  }

  /// The files with dates whose readings do not go on those of the others of their machine.
  func sourcesApart() throws -> Set<Int64> {
    let labels = try sourceLabels()
    let machines = try Row.fetchAll(self, sql: "SELECT source_id, machine_id FROM source_file")
    let groups = try Dictionary(grouping: machines) { try $0[1] as Int64 }
    var apart: Set<Int64> = []
    for rows in groups.values {
      let own = try Set(rows.map { try $0[0] as Int64 })
      apart.formUnion(
        SourceLabel.apart(labels.filter { own.contains($0.key) && $0.value.isDated }).keys)
    }
    return apart
  }
}
