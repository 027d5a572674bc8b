internal import TraceModel

/// `lscpu -p` and `lscpu -e`: CPUs, cores, sockets and nodes; of the summary of `lscpu` the CPUs of each node.
///
///     # CPU,Core,Socket,Node,,L1d,L1i,L2,L3
///     0,0,0,0,,0,0,0,0
///
///     CPU NODE SOCKET CORE L1d:L1i:L2:L3 ONLINE    MAXMHZ   MINMHZ
///       0    0      0    0 0:0:0:0          yes 3600.0000 800.0000
///
///     Architecture:          x86_64
///     NUMA node0 CPU(s):     0-3,8-11
struct LscpuParsable: FactFormat {
  let name = "lscpu"
  let producedBy = "lscpu -p"
  let clock = "none"
  let goodFor = "which CPUs share a core and which node they are on"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = LscpuLines()
    return anyLine(of: head) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { LscpuLines() }
}

private final class LscpuLines: FactLines {
  private var cpu: Int?
  private var core: Int?
  private var socket: Int?
  private var node: Int?
  /// Cells are parted by blanks.
  private var isTable = false
  /// The summary: CPUs that it lists, and those whose node it names.
  private var isSummary = false
  private var listed: (cpus: [Int64], line: Int64)?
  private var hasNodes = false
  private static let mostCPUs: Int64 = 1 << 14

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let beginnings: [StaticString] = [
      "# The following is the parsable format", "# CPU,Core", "# CPU,Socket", "# CPU,Node",
    ]
    return beginnings.contains { bytes.has($0, at: start, end) }
      || Self.isTable(bytes, start, end) || bytes.has("Architecture:   ", at: start, end)
  }

  /// `CPU NODE SOCKET CORE ...`
  private static func isTable(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("CPU ", at: start, end) && bytes.find(" CORE", from: start, end) != nil
      && bytes.find(" SOCKET", from: start, end) != nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if bytes.has("Architecture:   ", at: start, end) {
      (isSummary, isTable, cpu) = (true, false, nil)
      return true
    }
    if Self.isTable(bytes, start, end) {
      (isSummary, isTable) = (false, true)
      log.fields.cut(bytes, start, end)
      let fields = log.fields
      func place(_ name: StaticString) -> Int? {
        (0..<fields.count).first { bytes.equals(name, fields[$0]) }
      }
      (cpu, core, socket, node) = (place("CPU"), place("CORE"), place("SOCKET"), place("NODE"))
      return true
    }
    if isSummary { return summary(bytes, start, end, &log) }
    if bytes[start] == UInt8(ascii: "#") {
      isTable = false
      // The last comment names the columns.
      var from = start + 1
      bytes.skipBlanks(&from, end)
      let columns = Self.cells(bytes, from, end)
      if columns.contains(where: { bytes.equals("CPU", $0) }) {
        func place(_ name: StaticString) -> Int? {
          columns.firstIndex { bytes.equals(name, $0) }
        }
        cpu = place("CPU")
        core = place("Core")
        socket = place("Socket")
        node = place("Node")
      }
      return true
    }
    guard let cpu else { return false }
    if isTable { log.fields.cut(bytes, start, end) }
    let cells = isTable ? log.fields.ranges : Self.cells(bytes, start, end)
    func value(_ column: Int?) -> Int64? {
      guard let column, column < cells.count else { return nil }
      return bytes.wholeNumber(cells[column])
    }
    guard let number = value(cpu) else { return false }
    // An empty cell or `-` is a CPU that is offline.
    log.batch.cpus.append(
      CPUPlace(
        cpu: number, core: value(core), socket: value(socket), node: value(node), line: log.line))
    return true
  }

  func finish(_ log: inout FactLog) {
    guard let listed, !hasNodes else { return }
    for cpu in listed.cpus {
      log.batch.cpus.append(
        CPUPlace(cpu: cpu, core: nil, socket: nil, node: nil, line: listed.line))
    }
  }

  /// `On-line CPU(s) list:   0-7`, `  NUMA node0 CPU(s):   0-3,8-11`; all other lines are known and not used.
  private func summary(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    // Flags go on in the next line.
    guard let colon = bytes.find(":", from: start, end) else { return bytes[start] == 0x20 }
    let (from, to) = bytes.trimmed(start, colon)
    let value = bytes.trimmed(colon + 1, end)
    let list = Self.list(bytes.text(from: value.start, to: value.end))
    if bytes.has("On-line CPU(s) list", at: from, to) { listed = list.map { ($0, log.line) } }
    guard bytes.has("NUMA node", at: from, to), let list else { return true }
    var at = from + 9
    guard let node = bytes.decimal(&at, to), bytes.has(" CPU(s)", at: at, to) else { return true }
    hasNodes = true
    for cpu in list {
      log.batch.cpus.append(CPUPlace(cpu: cpu, core: nil, socket: nil, node: node, line: log.line))
    }
    return true
  }

  /// `0-3,8-11`; nil for anything else.
  private static func list(_ text: String) -> [Int64]? {
    var cpus: [Int64] = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        first >= 0, first <= last, last - first < mostCPUs - Int64(cpus.count)
      else { return nil }
      cpus += first...last
    }
    return cpus.isEmpty ? nil : cpus
  }

  private static func cells(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [Range<Int>] {
    var cells: [Range<Int>] = []
    var from = start
    for index in start..<end where bytes[index] == UInt8(ascii: ",") {
      cells.append(from..<index)
      from = index + 1
    }
    cells.append(from..<end)
    return cells
  }
}

/// `numactl -H`: the nodes with their CPUs, memory and distances.
///
///     available: 2 nodes (0-1)
///     node 0 cpus: 0 1
///     node 0 size: 1970 MB
///     node distances:
///     node   0   1
///       0:  10  21
struct NumactlHardware: FactFormat {
  let name = "numactl"
  let producedBy = "numactl -H"
  let clock = "none"
  let goodFor = "the CPUs and memory of each node, and how far nodes are apart"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = NumactlLines()
    return anyLine(of: head) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { NumactlLines() }
}

private final class NumactlLines: FactLines {
  private var columns: [Int64] = []

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("available: ", at: start, end) && bytes.find(" nodes (", from: start, end) != nil
      || bytes.has("No NUMA available on this system", at: start, end)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    let known: [StaticString] = [
      "available: ", "node distances:", "No distance information available", "policy: ",
      "preferred node: ", "physcpubind: ", "cpubind: ", "nodebind: ", "membind: ",
      "No NUMA available on this system",
    ]
    for beginning in known where bytes.has(beginning, at: start, end) {
      columns = []
      return true
    }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count >= 2 else { return false }
    if bytes.equals("node", fields[0]) {
      guard let node = bytes.wholeNumber(fields[1]) else { return false }
      if fields.count >= 3, bytes.equals("cpus:", fields[2]) {
        for index in 3..<fields.count {
          guard let cpu = bytes.wholeNumber(fields[index]) else { return false }
          log.batch.cpus.append(
            CPUPlace(cpu: cpu, core: nil, socket: nil, node: node, line: log.line))
        }
        return true
      }
      if fields.count >= 4 {
        let kind: NodeFact.Kind? =
          bytes.equals("size:", fields[2])
          ? .size : bytes.equals("free:", fields[2]) ? .free : nil
        if let kind {
          // `<not available>`; MB are MiB.
          if let value = bytes.wholeNumber(fields[3]), value < 1 << 40 {
            log.batch.nodes.append(
              NodeFact(node: node, kind: kind, value: value << 20, line: log.line))
          }
          return true
        }
      }
      // `node   0   1`: the columns of the distances.
      var found: [Int64] = []
      for index in 1..<fields.count {
        guard let other = bytes.wholeNumber(fields[index]) else { return false }
        found.append(other)
      }
      columns = found
      return true
    }
    let first = fields[0]
    guard bytes[first.upperBound - 1] == UInt8(ascii: ":"),
      let node = bytes.wholeNumber(first.lowerBound..<first.upperBound - 1),
      fields.count == columns.count + 1
    else { return false }
    for index in 1..<fields.count {
      guard let value = bytes.wholeNumber(fields[index]) else { return false }
      log.batch.nodes.append(
        NodeFact(
          node: node, kind: .distance, other: columns[index - 1], value: value, line: log.line))
    }
    return true
  }
}
