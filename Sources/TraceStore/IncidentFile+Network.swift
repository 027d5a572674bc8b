internal import GRDB

/// A value of a counter of the network.
public struct NetworkReadingRow: Sendable {
  /// The machine.
  public let machine: String
  /// Whether it is a guest's.
  public let isGuest: Bool
  /// The tool.
  public let tool: String
  /// The object.
  public let object: String
  /// The counter's name.
  public let counter: String
  /// The file.
  public let source: Int64
  /// The place of the moment in its file.
  public let ordinal: Int64
  /// The wall clock; nil without dates.
  public let wall: Int64?
  /// The value.
  public let value: Int64
}

/// A setting with the machine whose file has it.
public struct SettingRow: Sendable {
  /// The machine.
  public let machine: String
  /// Whether it is a guest.
  public let isGuest: Bool
  /// Which kind of setting: `link`, `qemu`, `queue`.
  public let kind: String
  /// What it is a setting of: an interface, a disk, a guest.
  public let object: String
  /// Its name.
  public let name: String
  /// Its value.
  public let value: String
  /// The file that says so.
  public let path: String
}

/// A point of the network path, as it is kept.
public struct NetworkPointRow: Sendable {
  /// The machine.
  public var machine: String
  /// The guest; nil for all.
  public var guest: String?
  /// How it is known that the point is this guest's; nil for its own files' counters.
  public var guestBy: String?
  /// Its place on the ladder.
  public var position: Int
  /// Its name.
  public var point: String
  /// `from_guest`, `to_guest` or `both`.
  public var direction: String
  /// The interface.
  public var object: String?
  /// Packets that passed.
  public var packets: Int64?
  /// Packets lost there.
  public var drops: Int64?
  /// Packets that were put back.
  public var requeues: Int64?
  /// How often the queue was stopped.
  public var stops: Int64?
  /// Notifications of the other side.
  public var kicks: Int64?
  /// Packets of the queues that counted them.
  public var kickPackets: Int64?
  /// What its ring holds.
  public var ringSize: Int64?
  /// How often its counters began again.
  public var resets: Int64
  /// The first reading, wall clock in ns.
  public var from: Int64?
  /// The last reading, wall clock in ns.
  public var to: Int64?
  /// Whose growth the drops are.
  public var counters: String
  /// Whether it loses first.
  public var isFirstLoss: Bool
  /// Whether it is what was counted since the interface came up, read but once.
  public var isSinceUp: Bool

  /// A point; of what was not counted there nothing is known.
  public init(
    machine: String, guest: String?, guestBy: String?, position: Int, point: String,
    direction: String, object: String?, counters: String, resets: Int64, isFirstLoss: Bool,
    isSinceUp: Bool
  ) {
    self.machine = machine
    self.guest = guest
    self.guestBy = guestBy
    self.position = position
    self.point = point
    self.direction = direction
    self.object = object
    self.counters = counters
    self.resets = resets
    self.isFirstLoss = isFirstLoss
    self.isSinceUp = isSinceUp
  }
}

extension IncidentFile {
  /// Every reading of the counters of interfaces, their queues and qdiscs, and of CPUs' backlogs.
  public func networkReadings() throws -> [NetworkReadingRow] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT machine.name, machine.layer = 'guest', counter_object.tool, counter_object.name,
              counter.name, moment.source_id, moment.ordinal, moment.wall_ns, sample.value
            FROM counter_sample AS sample
            JOIN counter_object USING (object_id)
            JOIN counter USING (counter_id)
            JOIN counter_moment AS moment USING (moment_id)
            JOIN source_file USING (source_id)
            JOIN machine ON machine.machine_id = counter_object.machine_id
            WHERE counter_object.tool IN ('ethtool', 'ip', 'proc-net-dev', 'softnet', 'tc')
              AND counter.nature = 'total' AND source_file.duplicate_of IS NULL
            ORDER BY sample.object_id, sample.counter_id, moment.source_id, moment.ordinal
            """
        ).map { row in
          try NetworkReadingRow(
            machine: row[0], isGuest: row[1], tool: row[2], object: row[3], counter: row[4],
            source: row[5], ordinal: row[6], wall: row[7], value: row[8])
        }
      }
    }
  }

  /// The settings of some kinds, in the order of their files: `link`, `qemu`, `queue`.
  public func settings(of kinds: String...) throws -> [SettingRow] {
    try fetch(
      """
      SELECT machine.name, machine.layer = 'guest', kind, object, setting.name, value, source_file.path
      FROM setting JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE kind IN (\(kinds.map(SQLText.literal).joined(separator: ", "))) ORDER BY source_id, line
      """
    ) { row in
      try SettingRow(
        machine: row[0], isGuest: row[1], kind: row[2], object: row[3], name: row[4], value: row[5],
        path: row[6])
    }
  }

  /// The sizes of interfaces' rings as they are set, as `ethtool -g` printed them last.
  public func ringSizes() throws -> [(machine: String, object: String, name: String, size: Int64)] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT machine, object, counter, value FROM counter_value
            WHERE tool = 'ethtool -g' ORDER BY source_id, line
            """
        ).map { try (machine: $0[0], object: $0[1], name: $0[2], size: $0[3]) }
      }
    }
  }
}

extension CorrelationWriter {
  /// Adds a point of the network path.
  public func add(_ row: NetworkPointRow) throws {
    try insert(
      into: "net_point",
      [
        "machine": row.machine, "guest": row.guest, "guest_by": row.guestBy,
        "position": row.position, "point": row.point, "direction": row.direction,
        "object": row.object, "counters": row.counters, "first_loss": row.isFirstLoss ? 1 : 0,
        "packets": row.packets, "drops": row.drops, "requeues": row.requeues, "stops": row.stops,
        "kicks": row.kicks, "kick_packets": row.kickPackets, "ring_size": row.ringSize,
        "resets": row.resets, "from_wall_ns": row.from, "to_wall_ns": row.to,
        "since_up": row.isSinceUp ? 1 : 0,
      ])
  }
}
