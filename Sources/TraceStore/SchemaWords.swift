internal import TraceModel

/// Fills in the words of the program in the files of `schema/`, so that each vocabulary is declared once: in
/// `TraceModel`. What the program stores is plain SQL.
///
/// - `{{word MatchGrade guest_io.match_grade}}`: the word of a number of ``CodedVocabulary``.
/// - `{{words BlockOperation}}`: the words of any ``Vocabulary``, for a comment.
/// - `{{numbers MatchGrade}}`: the words of a ``CodedVocabulary`` with their numbers, for a comment.
/// - `{{code MatchGrade absorbed}}`: the number of a word.
/// - `{{certain}}`: a list of the grades of certain matches.
/// - `{{rwbs guest_io.rwbs}}`: the RWBS letters of their bits.
/// - `{{operation block_kind}}`: what a request of such a row is for, by ``BlockRequest/operationRules``.
/// - `{{guest_roles}}`: a list of the roles of threads that work for a guest.
/// - `{{recorders}}`: a list of the names of tools that record, by ``RecordingTool``.
/// - `{{role task.comm}}`, `{{vcpu task.comm}}`: role and virtual CPU of a thread by its name, of any ``Hypervisor``.
/// - `{{hop_sum}}`: the hops of a row of the view `io` added up, those that not each I/O has only where observed.
/// - `{{qemu_device qemu_stage_sum.device}}`: a disk in QEMU's trace, by its address or as a disk of virtio-scsi.
/// - `{{hop_names}}`: a query for the names of the hops of the view `io`; `{{hop_time io hop.name}}`: the time of one.
/// - `{{reference node_move.at_ns sched_thread.source_id}}`: a moment of a source's own clock on the reference timeline.
/// - `{{columns guest_io sector requeue_ns}}`: columns of a table as a view passes them on, each with what `tables.sql`
///   says about it; `{{columns guest_io host_requests}}`: to its last one.
/// - `{{esx world avg vcpu}}`: the counters of a kind of ESXi's objects as columns of a view over `counter_value`, each the
///   `avg` over the rows of that kind of stored object, or of `any`; `-used_pct` behind it leaves a column out.
/// - `{{reading world ready_pct}}`: one of them, not grouped.
/// - `{{moment_interval}}`: how long a row of esxtop was, by `moment`.
/// - `{{hops io}}`: pairs of the name and the time of each hop, for ClickHouse.
enum SchemaWords {
  /// A file's text; what stands in braces and is no call stays as it is. `isHeld`: the views of esxtop read objects with their
  /// counters side by side.
  static func fill(_ text: String, isHeld: Bool = false) -> String {
    var result = ""
    var rest = text[...]
    while let open = pair(of: "{", in: rest),
      let close = pair(of: "}", in: rest[open.upperBound...])
    {
      result += rest[..<open.lowerBound]
      result +=
        sql(rest[open.upperBound..<close.lowerBound], isHeld)
        ?? String(rest[open.lowerBound..<close.upperBound])
      rest = rest[close.upperBound...]
    }
    return result + rest
  }

  /// Where a brace first stands twice. In bytes: every command does this, and a search by characters took 3 ms.
  private static func pair(of brace: Unicode.Scalar, in text: Substring) -> Range<String.Index>? {
    let (bytes, brace) = (text.utf8, UInt8(ascii: brace))
    var place = bytes.startIndex
    while let first = bytes[place...].firstIndex(of: brace) {
      let second = bytes.index(after: first)
      guard second < bytes.endIndex else { return nil }
      if bytes[second] == brace { return first..<bytes.index(after: second) }
      place = second
    }
    return nil
  }

  private static func sql(_ call: Substring, _ isHeld: Bool) -> String? {
    let parts = call.split(separator: " ", maxSplits: 2).map(String.init)
    switch (parts.first, parts.count) {
    case ("word", 3): return coded(parts[1]).map { SQLText.word(of: parts[2], $0) }
    case ("words", 2): return vocabularies[parts[1]].map { enumeration($0) }
    case ("numbers", 2): return coded(parts[1]).map { numbers($0) }
    case ("code", 3): return coded(parts[1]).flatMap { code(of: parts[2], $0) }
    case ("certain", 1): return SQLText.list(MatchGrade.certain)
    case ("rwbs", 2): return rwbs(parts[1])
    case ("operation", 2): return operation(parts[1])
    case ("hops", 2): return hops(parts[1])
    case ("hop_sum", 1): return hopSum
    case ("qemu_device", 2): return qemuDevice(parts[1])
    case ("hop_names", 1): return hopNames
    case ("hop_time", 3): return hopTime(parts[1], parts[2])
    case ("recorders", 1):
      return RecordingTool.names.sorted().map(SQLText.literal).joined(separator: ", ")
    case ("guest_roles", 1): return SQLText.list(ThreadRole.ofGuests)
    case ("role", 2): return role(parts[1])
    case ("vcpu", 2): return SQLText.virtualCPU(ofThread: parts[1])
    case ("reference", 3): return reference(parts[1], of: parts[2])
    case ("columns", 3): return columns(of: parts[1], parts[2])
    case ("esx", 3): return esx(parts[1], parts[2], isHeld)
    case ("reading", 3): return reading(parts[1], parts[2], isHeld)
    case ("moment_interval", 1): return momentInterval
    default: return nil
    }
  }

  private static let vocabularies: [String: any Vocabulary.Type] = {
    let types: [any Vocabulary.Type] = [
      BlockAction.self, BlockOperation.self, Finding.Confidence.self, Finding.Severity.self,
      Hop.self, Layer.self, LeaveReason.self, MatchGrade.self, ProblemSeverity.self,
      QEMURequest.Operation.self, SchedEventKind.self, UnmatchedReason.self, WaitCause.self,
    ]
    // By their names without that of the module.
    return Dictionary(
      uniqueKeysWithValues: types.map {
        (String(String(reflecting: $0).drop { $0 != "." }.dropFirst()), $0)
      })
  }()

  private static func coded(_ name: String) -> (any CodedVocabulary.Type)? {
    vocabularies[name] as? any CodedVocabulary.Type
  }

  /// `'read', 'write' or 'other'`.
  private static func enumeration<Word: Vocabulary>(_ type: Word.Type) -> String {
    let names = type.allCases.map(\.name).filter { !$0.isEmpty }.map(SQLText.literal)
    return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }

  /// `0 exact, 1 merged, 2 split`.
  private static func numbers<Word: CodedVocabulary>(_ type: Word.Type) -> String {
    type.allCases.filter { !$0.name.isEmpty }.map { "\($0.rawValue) \($0.name)" }
      .joined(separator: ", ")
  }

  private static func code<Word: CodedVocabulary>(
    of name: String, _ type: Word.Type
  ) -> String? {
    Word(name: name).map { "\($0.rawValue)" }
  }

  private static func rwbs(_ bits: String) -> String {
    RWBS.letters.map {
      "CASE WHEN \(bits) & \($0.flag.rawValue) THEN \(SQLText.literal(String($0.letter))) ELSE '' END"
    }
    .joined(separator: " || ")
  }

  private static func operation(_ row: String) -> String {
    let rules = BlockRequest.operationRules.map { rule in
      let tests =
        (rule.traits.isEmpty ? [] : ["\(row).traits & \(rule.traits.rawValue)"])
        + (rule.rwbs.isEmpty ? [] : ["\(row).rwbs & \(rule.rwbs.rawValue)"])
      return "WHEN \(tests.joined(separator: " OR ")) THEN \(SQLText.literal(rule.operation.name))"
    }
    return
      "CASE \(rules.joined(separator: " ")) ELSE \(SQLText.literal(BlockOperation.other.name)) END"
  }

  private static func role(_ name: String) -> String {
    let helpers = Hypervisor.helpers.sorted().map {
      "WHEN \(name) = \(SQLText.literal($0)) THEN \(SQLText.literal(ThreadRole.emulator.name))"
    }
    let patterns =
      Hypervisor.vcpuPatterns.map { ($0.pattern, ThreadRole.vcpu) }
      + Hypervisor.ioThreadHeads.map { ($0 + "*", ThreadRole.iothread) }
      + [(Hypervisor.vhostHead + "[0-9]*", ThreadRole.vhost)]
    let others = patterns.map {
      "WHEN \(name) GLOB \(SQLText.literal($0)) THEN \(SQLText.literal($1.name))"
    }
    return "CASE \((helpers + others).joined(separator: " ")) END"
  }

  /// The relation of the last stretch that begins before the moment; of the first one for what lies before all.
  private static func reference(_ own: String, of source: String) -> String {
    let moment = ClockDrift.reference(
      own, offset: "relation.offset_ns", drift: "relation.drift_ppm")
    // In one line: its last word but one must not be "AS", by which the columns of a view are found.
    return "(SELECT CAST(round(\(moment)) AS INTEGER) "
      + "FROM clock_relation AS relation WHERE relation.source_id = \(source) "
      + "AND (relation.segment = 0 OR relation.from_ns <= \(own)) ORDER BY relation.segment DESC LIMIT 1)"
  }

  /// In lines, as ``Schema/views`` reads them. `range`: the first column and the last, or the first alone.
  private static func columns(of table: String, _ range: String) -> String? {
    let ends = range.split(separator: " ").map(String.init)
    return TableDefinition.named(table)?
      .columns(from: ends[0], to: ends.count > 1 ? ends[1] : nil)?
      .map { "-- \($0.about)\n  \(table).\($0.sql) AS \($0.sql)" }
      .joined(separator: ",\n  ")
  }

  private static let esxKinds = Dictionary(
    uniqueKeysWithValues: EsxKind.allCases.map { ("\($0)", $0) })

  /// In lines, as ``Schema/views`` reads them.
  private static func esx(_ kind: String, _ call: String, _ isHeld: Bool) -> String? {
    let words = call.split(separator: " ").map(String.init)
    guard words.count >= 2 else { return nil }
    let left = Set(words.dropFirst(2).map { String($0.dropFirst()) })
    var kinds: [EsxKind] = []
    for word in kind.split(separator: "+") {
      guard let kind = esxKinds[String(word)] else { return nil }
      kinds.append(kind)
    }
    let counters = kinds.flatMap(EsxCounter.of)
    let names = Dictionary(grouping: counters, by: \.column)
    var seen: Set<String> = []
    return counters.filter {
      !left.contains($0.column) && seen.insert($0.column).inserted
    }.map { counter in
      let screen = counter.screen.isEmpty ? "" : "\(counter.screen): "
      let about = screen + counter.about + (esxUnits[counter.unit].map { ", in \($0)" } ?? "")
      let kind = words[1] == "any" ? "" : "kind = \(SQLText.literal(words[1])) AND "
      let own = isHeld ? "1" : isOne(of: names[counter.column] ?? [])
      let value = isHeld ? counter.column : "value"
      return
        "-- \(about).\n  \(words[0])(CASE WHEN \(kind)\(own) THEN \(value) END) "
        + "AS \(counter.column)"
    }.joined(separator: ",\n  ")
  }

  private static func isOne(of counters: [EsxCounter]) -> String {
    let list = Set(counters.map(\.name)).sorted().map(SQLText.literal).joined(separator: ", ")
    return "counter IN (\(list))"
  }

  /// A counter of a kind of ESXi's objects, by its column.
  private static func reading(_ kind: String, _ column: String, _ isHeld: Bool) -> String? {
    guard let kind = esxKinds[kind] else { return nil }
    let own = EsxCounter.of(kind).filter { $0.column == column }
    guard !own.isEmpty else { return nil }
    return isHeld ? column : "CASE WHEN \(isOne(of: own)) THEN value END"
  }

  /// How long a row of esxtop was: since the moment before in its file.
  static let momentInterval =
    "nullif(max(0, moment.wall_ns - (SELECT before.wall_ns FROM counter_moment AS before "
    + "WHERE before.moment_id = moment.moment_id - 1 AND before.source_id = moment.source_id)), 0)"

  private static let esxUnits: [CounterUnit: String] = [
    .percent: "%", .milliseconds: "ms", .mebibytes: "MiB", .bytes: "bytes",
  ]

  /// Those of which the view `io` has a column.
  private static let hopColumns = Hop.allCases.filter { $0 != .belowGuest }

  private static let hopSum = (Hop.five + Hop.throughQEMU).map { hop in
    hop == .guestScheduler || hop == .virtioQueue ? hop.column : "coalesce(\(hop.column), 0)"
  }.joined(separator: " + ")

  private static func qemuDevice(_ device: String) -> String {
    let mark = QEMURequest.scsiDevice >> 48
    return "CASE WHEN \(device) >> 48 = \(mark) THEN printf('scsi %d:%d', \(device) >> 32 & 65535, "
      + "\(device) & 4294967295) WHEN \(device) <> 0 THEN printf('0x%x', \(device)) END"
  }

  private static let hopNames = hopColumns.map { "SELECT \(SQLText.literal($0.name)) AS name" }
    .joined(separator: " UNION ALL ")

  private static func hopTime(_ view: String, _ name: String) -> String {
    let times = hopColumns.map { "WHEN \(SQLText.literal($0.name)) THEN \(view).\($0.column)" }
    return "CASE \(name) \(times.joined(separator: " ")) END"
  }

  /// The sums of hops are expressions in SQLite, of which ClickHouse does not know the type.
  private static func hops(_ view: String) -> String {
    hopColumns.map { hop in
      let value = "\(view).\(hop.column)"
      return "(\(SQLText.literal(hop.name)), "
        + (hop.index == nil ? "toInt64OrNull(toString(\(value)))" : value) + ")"
    }.joined(separator: ",\n    ")
  }
}
