internal import GRDB

/// What the VMs of an ESXi host did in the rows of its esxtop.
public struct EsxLoads: Sendable {
  /// A VM in a row.
  public struct VM: Sendable {
    /// The end of the row before, ns since 1970 as printed.
    public let from: Int64
    /// Its own end.
    public let to: Int64
    /// How long its virtual CPUs waited for CPUs that others had, or for each other: %RDY - %MLMTD + %CSTP.
    public let held: Double?
    /// How long a limit in its settings held them back (%MLMTD), %.
    public let limited: Double?
    /// How long they waited for swapped memory (%SWPWT), %.
    public let swapWait: Double?
    /// How long they ran (%RUN), %.
    public let run: Double?
  }

  /// Who uses CPU time: a VM with all its helpers, or a service of the host.
  public struct User: Hashable, Sendable {
    /// Its name.
    public let name: String
    /// Whether it is no VM.
    public let isService: Bool
  }

  /// What a VM does on a disk of the host.
  public struct DiskUse: Sendable {
    /// Commands, and how long they took (GAVG).
    public let load: DiskLoadRow
    /// How much of that was the device's (DAVG), ms.
    public let device: Double
  }

  /// The host.
  public let host: String
  /// The earliest moment of all: the zero of the phases of its VMs.
  public let start: Int64
  /// Whether the text says how far its times are from UTC.
  public let isUTC: Bool
  /// By VM.
  public let vms: [String: [VM]]
  /// By user, as parts of one CPU.
  public let used: [User: [CPULoadRow]]
  /// By VM: its virtual disks, as it sees them.
  public let disks: [String: [DiskLoadRow]]
  /// By VM: the host's disks that it uses.
  public let uses: [String: [DiskUse]]

  /// All VMs, by their names.
  public var names: [String] { Set(vms.keys).union(disks.keys).sorted() }
}

extension IncidentFile {
  /// The loads of the VMs of all ESXi hosts; rows without times are left out.
  public func esxLoads() throws -> [EsxLoads] {
    let hosts = try fetch(
      """
      SELECT DISTINCT machine.name FROM source_file JOIN machine USING (machine_id)
      WHERE format = 'esxtop' AND refused = 0 ORDER BY 1
      """, []
    ) { try $0[0] as String }
    return try hosts.compactMap { host in
      let (vms, isUTC) = try esxVMs(of: host)
      let (disks, uses) = (try esxVirtualDisks(of: host), try esxDiskUses(of: host))
      let starts =
        vms.values.compactMap(\.first?.from) + disks.values.flatMap { $0.map(\.from) }
      guard let start = starts.min() else { return nil }
      return EsxLoads(
        host: host, start: start, isUTC: isUTC, vms: vms, used: try esxUsers(of: host),
        disks: disks, uses: uses)
    }
  }

  private func esxVMs(of host: String) throws -> ([String: [EsxLoads.VM]], isUTC: Bool) {
    var isUTC = true
    let rows = try fetch(
      """
      SELECT vm, wall_ns - interval_ns, wall_ns,
        max(0, ready_pct - coalesce(limited_pct, 0)) + coalesce(costop_pct, 0), limited_pct, swap_wait_pct, run_pct,
        utc_offset_s IS NOT NULL
      FROM esx_vm WHERE machine = ?1 AND vm IS NOT NULL AND interval_ns > 0 ORDER BY vm, wall_ns
      """, [host]
    ) { row in
      if try !(row[7] as Bool) { isUTC = false }
      return (
        try row[0] as String,
        EsxLoads.VM(
          from: try row[1], to: try row[2], held: try row[3], limited: try row[4],
          swapWait: try row[5], run: try row[6])
      )
    }
    return (Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }, isUTC)
  }

  private func esxUsers(of host: String) throws -> [EsxLoads.User: [CPULoadRow]] {
    let rows = try fetch(
      """
      SELECT coalesce(vm, name), kind = 'service', wall_ns - interval_ns, wall_ns, used_pct / 100, utc_offset_s IS NOT NULL
      FROM esx_user WHERE machine = ?1 AND interval_ns > 0 AND name NOT LIKE 'idle (%'
      ORDER BY 1, wall_ns
      """, [host]
    ) { row in
      (
        EsxLoads.User(name: try row[0], isService: try row[1]),
        CPULoadRow(
          cpu: try row[0], from: try row[2], to: try row[3], busy: try row[4], isUTC: try row[5])
      )
    }
    return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
  }

  private func esxVirtualDisks(of host: String) throws -> [String: [DiskLoadRow]] {
    let rows = try fetch(
      """
      SELECT vm, disk, wall_ns - interval_ns, wall_ns, reads_per_s * interval_ns / 1e9, writes_per_s * interval_ns / 1e9,
        coalesce(read_ms, 0), coalesce(write_ms, 0), utc_offset_s IS NOT NULL
      FROM esx_disk WHERE machine = ?1 AND kind = 'virtual_disk' AND vm IS NOT NULL AND interval_ns > 0
        AND coalesce(reads_per_s, writes_per_s) IS NOT NULL
      ORDER BY vm, disk, wall_ns
      """, [host]
    ) { row in
      let (reads, writes) = (try row[4] as Double? ?? 0, try row[5] as Double? ?? 0)
      let disk: String = try row[1] as String? ?? ""
      return (
        try row[0] as String,
        DiskLoadRow(
          number: disk, name: disk, from: try row[2], to: try row[3], requests: reads + writes,
          waited: reads * (try row[6] as Double) + writes * (try row[7] as Double),
          isUTC: try row[8])
      )
    }
    return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
  }

  private func esxDiskUses(of host: String) throws -> [String: [EsxLoads.DiskUse]] {
    let rows = try fetch(
      """
      SELECT vm, disk, max(wall_ns - interval_ns), wall_ns, total(commands_per_s * interval_ns / 1e9),
        total(commands_per_s * interval_ns / 1e9 * guest_ms), total(commands_per_s * interval_ns / 1e9 * device_ms),
        min(utc_offset_s IS NOT NULL)
      FROM esx_disk WHERE machine = ?1 AND kind = 'disk_user' AND vm IS NOT NULL AND interval_ns > 0
        AND commands_per_s IS NOT NULL
      GROUP BY vm, disk, wall_ns ORDER BY vm, disk, wall_ns
      """, [host]
    ) { row in
      let disk: String = try row[1] as String? ?? ""
      return (
        try row[0] as String,
        EsxLoads.DiskUse(
          load: DiskLoadRow(
            number: disk, name: disk, from: try row[2], to: try row[3], requests: try row[4],
            waited: try row[5], isUTC: try row[7]), device: try row[6])
      )
    }
    return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
  }
}
