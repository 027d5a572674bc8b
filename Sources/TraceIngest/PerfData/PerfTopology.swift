internal import TraceModel

/// How the recorded machine is built, as perf read it from sysfs: `CPU_TOPOLOGY` and `NUMA_TOPOLOGY` of
/// tools/perf/util/header.c.
struct PerfTopology {
  private var available: UInt32 = 0
  private var online: UInt32 = 0
  /// By the CPU's number.
  private var cores: [(core: Int64, socket: Int64)] = []
  private var nodes: [(node: Int64, bytes: Int64, free: Int64, cpus: [Int64])] = []

  /// More than any machine has.
  private static let mostCPUs: UInt32 = 1 << 14
  private static let mostNodes: UInt32 = 1 << 10
  private static let mostKilobytes: UInt64 = 1 << 50

  init() {}

  /// Takes how many CPUs there are, and how many of them are in use.
  mutating func setCPUs(available: UInt32, online: UInt32) {
    (self.available, self.online) = (available, online)
  }

  /// Reads the lists of siblings, which are passed over, and where each CPU is; perf before 3.x wrote the lists alone.
  mutating func readCPUs(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) {
    for _ in 0..<2 {
      let count = try cursor.word(bytes)
      guard count <= Self.mostCPUs else { throw ByteCursor.Short() }
      for _ in 0..<count { _ = try cursor.take(UInt64(try cursor.word(bytes))) }
    }
    guard available <= Self.mostCPUs, cursor.left >= 8 * Int(available) else { return }
    cores = []
    for _ in 0..<available {
      let (core, socket) = (try cursor.word(bytes), try cursor.word(bytes))
      // -1: the CPU is off.
      cores.append((Int64(Int32(bitPattern: core)), Int64(Int32(bitPattern: socket))))
    }
  }

  /// Reads the memory nodes: kB, and the CPUs of each (`0-3,8`).
  mutating func readNodes(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) {
    let count = try cursor.word(bytes)
    guard count <= Self.mostNodes else { throw ByteCursor.Short() }
    nodes = []
    for _ in 0..<count {
      let node = try cursor.word(bytes)
      let (total, free) = (try cursor.long(bytes), try cursor.long(bytes))
      let list = try cursor.take(UInt64(try cursor.word(bytes)))
      guard node < Self.mostNodes, total <= Self.mostKilobytes, free <= total else { continue }
      nodes.append(
        (Int64(node), Int64(total) << 10, Int64(free) << 10, Self.cpus(bytes, list)))
    }
  }

  /// `0-3,8`: the numbers; empty for any other text.
  private static func cpus(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [Int64] {
    let end = bytes.zero(from: range.lowerBound, range.upperBound)
    var at = range.lowerBound
    var cpus: [Int64] = []
    while at < end {
      guard let first = bytes.decimal(&at, end) else { return [] }
      var last = first
      if at < end, bytes[at] == UInt8(ascii: "-") {
        at += 1
        guard let other = bytes.decimal(&at, end) else { return [] }
        last = other
      }
      guard first <= last, last < mostCPUs, cpus.count < mostCPUs else { return [] }
      cpus += first...last
      guard at == end || bytes[at] == UInt8(ascii: ",") else { return [] }
      at += 1
    }
    return cpus
  }

  /// What it says, as other files do.
  var batch: TopologyBatch {
    var batch = TopologyBatch()
    var places: [Int64: Int64] = [:]
    for node in nodes {
      batch.nodes.append(NodeFact(node: node.node, kind: .size, value: node.bytes, line: 1))
      batch.nodes.append(NodeFact(node: node.node, kind: .free, value: node.free, line: 1))
      for cpu in node.cpus { places[cpu] = node.node }
    }
    // With some of the CPUs off, their numbers are not known by how many there are.
    let numbers =
      cores.isEmpty && available == online && available <= Self.mostCPUs
      ? Set(0..<Int64(available))
      : Set(cores.indices.filter { cores[$0].core >= 0 }.map(Int64.init))
    for cpu in numbers.union(places.keys).sorted() {
      let known = cores.indices.contains(Int(cpu)) ? cores[Int(cpu)] : nil
      batch.cpus.append(
        CPUPlace(
          cpu: cpu, core: known.flatMap { $0.core >= 0 ? $0.core : nil },
          socket: known.flatMap { $0.socket >= 0 ? $0.socket : nil }, node: places[cpu], line: 1))
    }
    return batch
  }
}
