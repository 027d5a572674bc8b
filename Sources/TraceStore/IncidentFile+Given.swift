internal import GRDB

/// What a person wrote down about an incident, in an `incident.yaml`.
public struct GivenFacts: Sendable {
  /// Names of devices.
  public var devices: [GivenDevice] = []
  /// Where guests' disks lie.
  public var extents: [GivenDeviceExtent] = []
  /// How clocks relate.
  public var clocks: [GivenClock] = []
  /// When users complained; nil: not said.
  public var symptom: GivenSymptom?

  /// Nothing yet.
  public init() {}
}

/// A machine's name for a block device.
public struct GivenDevice: Hashable, Sendable {
  /// The machine.
  public let machine: String
  /// What it calls the device: `vda`.
  public let name: String
  /// major,minor.
  public let device: String
  /// Where it is written.
  public let line: Int

  /// A name.
  public init(machine: String, name: String, device: String, line: Int) {
    self.machine = machine
    self.name = name
    self.device = device
    self.line = line
  }
}

/// A piece of a guest's disk and its place on a device of the host, in sectors of 512 bytes.
public struct GivenDeviceExtent: Hashable, Sendable {
  /// The guest.
  public let guest: String
  /// major,minor as the guest calls it.
  public let guestDevice: String
  /// The host.
  public let host: String
  /// major,minor as the host calls it.
  public let hostDevice: String
  /// First sector on the guest's disk.
  public let guestSector: Int64
  /// First sector on the whole host device.
  public let hostSector: Int64
  /// Its length; nil: to the end of the disk.
  public let sectors: Int64?
  /// Where it is written.
  public let line: Int

  /// An extent.
  public init(
    guest: String, guestDevice: String, host: String, hostDevice: String, guestSector: Int64,
    hostSector: Int64, sectors: Int64?, line: Int
  ) {
    self.guest = guest
    self.guestDevice = guestDevice
    self.host = host
    self.hostDevice = hostDevice
    self.guestSector = guestSector
    self.hostSector = hostSector
    self.sectors = sectors
    self.line = line
  }

  /// Whether both are about the same sector of a guest's disk.
  public func overlaps(_ other: GivenDeviceExtent) -> Bool {
    guard guest == other.guest, guestDevice == other.guestDevice else { return false }
    let ends = [self, other].map { extent in
      extent.sectors.map { extent.guestSector + $0 } ?? .max
    }
    return guestSector < ends[1] && other.guestSector < ends[0]
  }
}

/// How a clock relates to another: reference = own + offset + driftPPM * 1e-6 * own.
public struct GivenClock: Hashable, Sendable {
  /// The machine whose clock it is.
  public let machine: String
  /// The clock, as `source.tool_clock` calls it.
  public let toolClock: String
  /// The machine of the other clock.
  public let reference: String
  /// The other clock, as `source.tool_clock` calls it.
  public let referenceToolClock: String
  /// ns at own = 0.
  public let offset: Int64
  /// Parts per million.
  public let driftPPM: Double
  /// How far off it may be, ns; nil: not said.
  public let error: Int64?
  /// Where it is written.
  public let line: Int

  /// A relation.
  public init(
    machine: String, toolClock: String, reference: String, referenceToolClock: String,
    offset: Int64, driftPPM: Double, error: Int64?, line: Int
  ) {
    self.machine = machine
    self.toolClock = toolClock
    self.reference = reference
    self.referenceToolClock = referenceToolClock
    self.offset = offset
    self.driftPPM = driftPPM
    self.error = error
    self.line = line
  }
}

/// When users complained.
public struct GivenSymptom: Hashable, Sendable {
  /// `09:30:53..09:31:10`, as it is written.
  public let span: String
  /// The file.
  public let path: String
  /// Where it is written.
  public let line: Int

  /// A stretch of time.
  public init(span: String, path: String, line: Int) {
    (self.span, self.path, self.line) = (span, path, line)
  }
}

extension IncidentFile {
  /// When users complained, as the file says that was read last; nil where none says it.
  public func givenSymptom() throws -> GivenSymptom? {
    try fetch("SELECT span, path, line FROM given_symptom ORDER BY rowid DESC LIMIT 1") {
      try GivenSymptom(span: $0[0], path: $0[1], line: $0[2])
    }.first
  }

  /// Takes what a file says in the place of what the same path, or another one about the same disks, clocks
  /// and devices, said before. Returns whether anything changed.
  public func replaceGiven(_ facts: GivenFacts, path: String) throws -> Bool {
    try writing { db in
      let before = try Self.allGiven(db)
      for table in ["given_device", "given_mapping", "given_clock", "given_symptom"] {
        try db.execute(sql: "DELETE FROM \(table) WHERE path = ?", arguments: [path])
      }
      for device in facts.devices {
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO given_device (path, line, machine, name, device)
            VALUES (?, ?, ?, ?, ?)
            """,
          arguments: [path, device.line, device.machine, device.name, device.device])
      }
      for disk in Set(facts.extents.map { [$0.guest, $0.guestDevice] }) {
        try db.execute(
          sql: "DELETE FROM given_mapping WHERE guest = ? AND guest_device = ?",
          arguments: StatementArguments(disk))
      }
      for extent in facts.extents {
        try db.execute(
          sql: """
            INSERT INTO given_mapping (path, line, guest, guest_device, host, host_device,
              guest_sector, host_sector, sectors)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            path, extent.line, extent.guest, extent.guestDevice, extent.host, extent.hostDevice,
            extent.guestSector, extent.hostSector, extent.sectors,
          ])
      }
      for clock in facts.clocks {
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO given_clock (path, line, machine, tool_clock, reference,
              reference_tool_clock, offset_ns, drift_ppm, error_ns)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            path, clock.line, clock.machine, clock.toolClock, clock.reference,
            clock.referenceToolClock, clock.offset, clock.driftPPM, clock.error,
          ])
      }
      if let symptom = facts.symptom {
        try db.execute(
          sql: "INSERT INTO given_symptom (path, line, span) VALUES (?, ?, ?)",
          arguments: [path, symptom.line, symptom.span])
      }
      guard try Self.allGiven(db) != before else { return .rollback }
      try db.execute(sql: "DELETE FROM incident_state WHERE key = 'correlated'")
      return .commit
    }
  }

  private static func allGiven(_ db: Database) throws -> [[Row]] {
    try [
      "SELECT * FROM given_device ORDER BY machine, name",
      "SELECT * FROM given_mapping ORDER BY guest, guest_device, guest_sector",
      "SELECT * FROM given_clock ORDER BY machine, tool_clock",
      "SELECT * FROM given_symptom ORDER BY rowid",
    ].map { try Row.fetchAll(db, sql: $0) }
  }
}
