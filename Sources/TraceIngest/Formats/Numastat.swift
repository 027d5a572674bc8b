internal import TraceModel

/// The tables of `numastat`: the default one in pages, and those of `-n`, `-m`, `-p`, `-c`, `-v` in MiB.
///
///                                node0           node1
///     numa_hit                  575343          983088
///
///     Per-node numastat info (in MBs):
///                               Node 0          Node 1           Total
///                      --------------- --------------- ---------------
///     Numa_Hit                 2292.29         3915.00         6207.30
///
/// Also `grep . /sys/devices/system/node/node*/numastat` and `tail -n +1` of the same.
struct Numastat: CounterFormat {
  let name = "numastat"
  let producedBy = "while sleep 1; do date +%s.%N; numastat; done"
  let goodFor = "where memory came from: local, other node, against the policy"

  func table() -> any CounterTable { NumastatTables() }
}

private final class NumastatTables: CounterTable {
  /// Which table is open.
  private enum Kind: Equatable {
    case none
    /// The default: pages since boot.
    case pages
    /// `-n`: MiB since boot.
    case info
    /// `-m`: MiB now.
    case memory
    /// `-p`: MiB now, of this process; empty for a table of several.
    case process(String)
  }

  private var kind = Kind.none
  /// Nodes of the columns; nil for `Total`.
  private var nodes: [Int64?] = []
  /// Node of a sysfs file, from the line that names it.
  private var fileNode: Int64?

  func interrupt(_ reason: CounterBreak) {
    // Blank lines stand inside: before the title, and where a table is folded.
    if reason != .blank {
      kind = .none
      nodes = []
      fileNode = nil
    }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if title(bytes, start, end) { return true }
    if isNoise(bytes, start, end, log) { return true }
    log.fields.cut(bytes, start, end)
    if try header(bytes, log) { return true }
    if isRule(bytes, start, end) { return kind != .none }
    if try sysfs(bytes, log) { return true }
    guard kind != .none, !nodes.isEmpty else { return false }
    return try row(bytes, start, end, log)
  }

  private func title(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard bytes.has("Per-node ", at: start, end) else { return false }
    let rest = start + 9
    if bytes.has("numastat info", at: rest, end) {
      kind = .info
    } else if bytes.has("system memory usage", at: rest, end) {
      kind = .memory
    } else if bytes.has("process memory usage", at: rest, end) {
      // `... (in MBs) for PID 3550 (bash)`
      let found = bytes.find(" for PID ", from: rest, end)
      kind = .process(found.map { bytes.text(from: $0 + 9, to: end) } ?? "")
    } else {
      return false
    }
    nodes = []
    return true
  }

  /// `Token SwapCached not in hash table.` and what numastat says instead of a table.
  private func isNoise(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) -> Bool {
    let isToken = bytes.has("Token ", at: start, end)
    guard
      isToken && bytes.has("not in hash table.", at: end - 18, end)
        || bytes.has("Table has no ", at: start, end)
        || bytes.has("Found no processes containing pattern", at: start, end)
        || bytes.has("Can't read /proc/", at: start, end)
    else { return false }
    log.notices.add(.toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
    if bytes.has("Found no", at: start, end) { log.events += 1 }
    return true
  }

  /// `node0 node8`, `Node 0 Node 1 Total`, `Total`.
  private func header(_ bytes: Span<UInt8>, _ log: CounterLog) throws -> Bool {
    let fields = log.fields
    var found: [Int64?] = []
    var index = 0
    var isDefault = false
    while index < fields.count {
      let field = fields[index]
      if index == 0, bytes.equals("PID", field), kind == .process("") {
        // The table of several processes names its first column.
      } else if bytes.equals("Total", field), index == fields.count - 1 {
        found.append(nil)
      } else if bytes.equals("Node", field), index + 1 < fields.count,
        let node = bytes.wholeNumber(fields[index + 1])
      {
        found.append(node)
        index += 1
      } else if bytes.has("node", at: field.lowerBound, field.upperBound),
        let node = bytes.wholeNumber(field.lowerBound + 4..<field.upperBound)
      {
        found.append(node)
        isDefault = true
      } else {
        return false
      }
      index += 1
    }
    guard !found.isEmpty else { return false }
    if isDefault {
      // numactl -H has `node   0   1`: a word and numbers, not this.
      kind = .pages
    } else if kind == .none || kind == .pages {
      return false
    }
    // A folded table goes on with other nodes; another sample begins with the first node again.
    nodes = found
    if kind == .process("") { return true }
    for node in found.compactMap({ $0 }) {
      try log.begin(try object(node, log))
    }
    return true
  }

  private func object(_ node: Int64, _ log: CounterLog) throws -> Int32 {
    switch kind {
    case .none, .pages: try log.object("numastat", .node, "\(node)")
    case .info: try log.object("numastat -n", .node, "\(node)")
    case .memory: try log.object("numastat -m", .node, "\(node)")
    case .process(let process):
      try log.object("numastat -p", .process, "\(process) node \(node)")
    }
  }

  private func isRule(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    for index in start..<end where bytes[index] != 0x2D && bytes[index] != 0x20 { return false }
    return true
  }

  /// `numa_hit  575343  983088`, `Active(anon)  1.62  1.62`, `4342 (bash)  12.00  0.00  12.00`.
  private func row(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    let fields = log.fields
    var values: [Range<Int>] = []
    var nameEnd = start
    if fields.count > nodes.count {
      // The name may have blanks, so the values are counted from the right.
      let firstValue = fields.count - nodes.count
      for index in firstValue..<fields.count { values.append(fields[index]) }
      nameEnd = fields[firstValue - 1].upperBound
    }
    if values.isEmpty || !values.allSatisfy({ bytes.hundredths($0) != nil }) {
      // Values of 16 digits touch: columns of 16 bytes.
      guard (end - start) == 16 * (nodes.count + 1) else { return false }
      values = (0..<nodes.count).map { column in
        var from = start + 16 * (column + 1)
        let to = from + 16
        while from < to, bytes[from] == 0x20 { from += 1 }
        return from..<to
      }
      guard values.allSatisfy({ bytes.hundredths($0) != nil }) else { return false }
      nameEnd = start + 16
      while nameEnd > start, bytes[nameEnd - 1] == 0x20 { nameEnd -= 1 }
    }
    var nameStart = start
    bytes.skipBlanks(&nameStart, nameEnd)
    guard nameStart < nameEnd else { return false }
    let name = bytes.text(from: nameStart, to: nameEnd)
    for (column, range) in values.enumerated() {
      // `Total` is the sum of the others.
      guard let node = nodes[column] else { continue }
      if kind == .process("") {
        try storeProcess(name, bytes, range, node, log)
      } else {
        try store(name, bytes, range, node, log)
      }
    }
    log.events += 1
    return true
  }

  /// A row of the table of several processes: `2636 (fio)  1.71  26.61  28.32`.
  private func storeProcess(
    _ name: String, _ bytes: Span<UInt8>, _ range: Range<Int>, _ node: Int64, _ log: CounterLog
  ) throws {
    guard name != "Total", let value = bytes.hundredths(range) else { return }
    let object = try log.object("numastat -p", .process, "\(name) node \(node)")
    try log.begin(object)
    try log.add(object, try log.counter("Total", .bytes, .level), Self.bytes(value), .level)
  }

  private func store(
    _ name: String, _ bytes: Span<UInt8>, _ range: Range<Int>, _ node: Int64, _ log: CounterLog
  ) throws {
    let object = try object(node, log)
    switch kind {
    case .none, .pages:
      guard let value = bytes.wholeNumber(range) else { return }
      try log.add(object, try log.counter(name, .pages), value, .total)
    case .info:
      guard let value = bytes.hundredths(range) else { return }
      // Rounded to 0.01 MiB by the tool, so it may fall by rounding only when the counter falls.
      try log.add(object, try log.counter(name, .bytes), Self.bytes(value), .total)
    case .memory, .process:
      guard let value = bytes.hundredths(range) else { return }
      // HugePages_Total and its like are numbers of pages, printed with two decimals.
      let isCount = name.hasPrefix("HugePages_")
      let counter = try log.counter(name, isCount ? .count : .bytes, .level)
      try log.add(object, counter, isCount ? value / 100 : Self.bytes(value), .level)
    }
  }

  /// Hundredths of MiB in bytes, rounded.
  private static func bytes(_ hundredths: Int64) -> Int64 {
    let (product, overflow) = hundredths.multipliedReportingOverflow(by: 1 << 20)
    return overflow ? hundredths / 100 << 20 : (product &+ 50) / 100
  }

  /// `/sys/devices/system/node/node0/numastat:numa_hit 575343`, or after
  /// `==> /sys/devices/system/node/node0/numastat <==` the lines of that file.
  private func sysfs(_ bytes: Span<UInt8>, _ log: CounterLog) throws -> Bool {
    let fields = log.fields
    if let path = Self.node(ofPathIn: bytes, fields) {
      if bytes.equals("==>", fields[0]) {
        fileNode = path.node
        kind = .pages
        try log.begin(try object(path.node, log))
        return true
      }
      guard fields.count == 2, bytes.isNumber(fields[1]) else { return false }
      kind = .pages
      let node = try object(path.node, log)
      let name = path.end..<fields[0].upperBound
      if fileNode != path.node || bytes.equals("numa_hit", name) { try log.begin(node) }
      fileNode = path.node
      try store(
        bytes.text(from: name.lowerBound, to: name.upperBound), bytes, fields[1], path.node, log)
      log.events += 1
      return true
    }
    guard let fileNode, fields.count == 2, bytes.isNumber(fields[1]),
      !bytes.isNumber(fields[0])
    else { return false }
    try store(
      bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound), bytes, fields[1],
      fileNode, log)
    log.events += 1
    return true
  }

  /// The node of a path to a node's numastat, and where the name behind its colon begins.
  private static func node(
    ofPathIn bytes: Span<UInt8>, _ fields: Fields
  ) -> (node: Int64, end: Int)? {
    let index = fields.count == 3 ? 1 : 0
    guard fields.count == 2 || fields.count == 3,
      let found = bytes.find(
        "node/node", from: fields[index].lowerBound, fields[index].upperBound)
    else { return nil }
    var at = found + 9
    guard let node = bytes.decimal(&at, fields[index].upperBound),
      bytes.has("/numastat", at: at, fields[index].upperBound)
    else { return nil }
    return (node, min(at + 10, fields[index].upperBound))
  }
}
