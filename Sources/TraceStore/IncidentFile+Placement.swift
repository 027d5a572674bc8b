internal import Foundation
internal import GRDB

/// A guest's part in a memory node of its host.
public struct GuestNodeRow: Sendable {
  /// The guest.
  public var guest: String
  /// The host.
  public var machine: String
  /// The node.
  public var node: Int64
  /// How long its virtual CPUs ran there, ns; nil where that was not seen.
  public var run: Int64?
  /// The same of its other threads.
  public var workerRun: Int64?
  /// Bytes of its process there, the mean of all tables; nil where no table shows it.
  public var memory: Int64?
  /// How often its virtual CPUs came there from another node; nil where that was not seen.
  public var migrations: Int64?

  /// A part of which nothing is known yet.
  public init(guest: String, machine: String, node: Int64) {
    self.guest = guest
    self.machine = machine
    self.node = node
  }
}

/// What `numastat -p` said of a process and a node, the mean over its tables.
public struct ProcessMemoryRow: Sendable {
  /// The machine.
  public let machine: String
  /// The process.
  public let process: Int64
  /// Its name.
  public let name: String
  /// The node.
  public let node: Int64
  /// Bytes.
  public let bytes: Int64
}

extension IncidentFile {
  /// The memory node of each CPU of a machine, as far as `lscpu -p` and `numactl -H` say.
  public func cpuNodes(of machine: String) throws -> [Int64: Int64] {
    try translating {
      try queue.read { db in
        Dictionary(
          try Row.fetchAll(
            db,
            sql: """
              SELECT cpu, node FROM cpu_topology
              JOIN source_file USING (source_id) JOIN machine USING (machine_id)
              WHERE node IS NOT NULL AND machine.name = ? ORDER BY source_id, line
              """, arguments: [machine]
          ).map { (try $0[0] as Int64, try $0[1] as Int64) }
        ) { _, last in last }
      }
    }
  }

  /// Where processes of hosts have their memory. A node that a table leaves out holds none of it.
  public func processMemory() throws -> [ProcessMemoryRow] {
    try translating {
      try queue.read { db in
        let rows = try Row.fetchAll(
          db,
          sql: """
            SELECT machine.name, counter_object.name, sum(sample.value),
              count(DISTINCT sample.moment_id)
            FROM counter_sample AS sample
            JOIN counter_object USING (object_id)
            JOIN counter USING (counter_id)
            JOIN machine USING (machine_id)
            WHERE counter_object.tool = 'numastat -p' AND counter_object.kind = 'process'
              AND counter.name = 'Total' AND machine.layer = 'host'
            GROUP BY counter_object.object_id ORDER BY counter_object.object_id
            """)
        var parts: [(row: ProcessMemoryRow, moments: Int64)] = []
        for row in rows {
          guard let place = Self.place(try row[1]) else { continue }
          parts.append(
            try (
              ProcessMemoryRow(
                machine: row[0], process: place.process, name: place.name, node: place.node,
                bytes: row[2]),
              row[3]
            ))
        }
        return parts.map { part in
          let moments = parts.filter {
            $0.row.machine == part.row.machine && $0.row.process == part.row.process
          }.map(\.moments).max()
          return ProcessMemoryRow(
            machine: part.row.machine, process: part.row.process, name: part.row.name,
            node: part.row.node, bytes: part.row.bytes / max(1, moments ?? 1))
        }
      }
    }
  }

  /// `579 (qemu-system-x86) node 1`.
  private static func place(_ object: String) -> (process: Int64, name: String, node: Int64)? {
    guard let at = object.range(of: " node ", options: .backwards),
      let node = Int64(object[at.upperBound...]),
      let blank = object.firstIndex(of: " "), let process = Int64(object[..<blank])
    else { return nil }
    let name = object[object.index(after: blank)..<max(at.lowerBound, object.index(after: blank))]
    return (process, String(name), node)
  }
}

extension CorrelationWriter {
  /// Adds a guest's part in a node.
  public func add(_ row: GuestNodeRow) throws {
    try insert(
      into: "guest_node",
      [
        "guest": row.guest, "machine": row.machine, "node": row.node, "run_ns": row.run,
        "worker_run_ns": row.workerRun, "memory_bytes": row.memory, "migrations": row.migrations,
      ])
  }

  /// Adds a move of a virtual CPU's thread, at ns on its trace's clock.
  public func addMove(thread: Int64, at: Int64, from: Int64, to: Int64) throws {
    try insert(
      into: "node_move", ["thread_id": thread, "at_ns": at, "from_node": from, "to_node": to])
  }
}
