internal import TraceModel
internal import TraceStore

/// A setting that is not the same on both sides.
public struct SettingChange: Sendable {
  /// The machine on which it was read; its name of after.
  public let machine: String
  /// What it is a setting of: the disk, the guest; nil where no file names it.
  public let object: String?
  /// Its name.
  public let name: String
  /// Its values before, without those that both sides have.
  public let before: [String]
  /// Its values after, without those that both sides have.
  public let after: [String]
  /// The file and line that states it before, or where it should be.
  public let placeBefore: String
  /// The file and line that states it after, or where it should be.
  public let placeAfter: String
}

/// The settings of both sides: disk queues, the hypervisor's options, the files behind disks, the CPUs of vCPUs.
public struct SetupComparison: Sendable {
  /// What differs.
  public private(set) var changes: [SettingChange] = []
  /// Settings that both sides state, the same or not.
  public private(set) var compared = 0
  /// Settings that the files of one side alone state.
  public private(set) var onOneSide = 0

  /// Options of a hypervisor's command line that name files and connections of a run.
  private static let namesOfARun: Set<String> = [
    "-name", "-pidfile", "-qmp", "-monitor", "-mon", "-serial", "-chardev", "-msg", "-trace", "-D",
    "-d", "-uuid",
    "-display", "-vnc", "-daemonize", "-nographic",
  ]

  /// A setting, by its names of after.
  private struct Key: Hashable, Comparable {
    let machine: String
    let kind: String
    let object: String?
    let name: String

    static func < (left: Key, right: Key) -> Bool {
      (left.machine, left.kind, left.object ?? "", left.name)
        < (right.machine, right.kind, right.object ?? "", right.name)
    }
  }

  /// What the files of a side state.
  private struct Stated {
    var values: [String] = []
    var place = ""
  }

  init(_ before: [Recording], _ after: [Recording], _ pairing: MachinePairing) throws {
    let first = try Self.read(before) { pairing.machine($0) }
    let second = try Self.read(after) { $0 }
    for key in Set(first.keys).union(second.keys).sorted() {
      // A command line that is there states of each option whether it is set; a setting that a tool does not print is unknown.
      func stated(_ side: [Key: Stated]) -> Stated? {
        if let own = side[key] { return own }
        guard key.kind == "qemu",
          let other = side.first(where: { $0.key.kind == key.kind && $0.key.machine == key.machine }
          )
        else { return nil }
        return Stated(values: [], place: other.value.place)
      }
      guard let old = stated(first), let new = stated(second) else {
        onOneSide += 1
        continue
      }
      compared += 1
      let (gone, come) = (
        Self.without(old.values, new.values), Self.without(new.values, old.values)
      )
      if gone.isEmpty && come.isEmpty { continue }
      changes.append(
        SettingChange(
          machine: key.machine, object: key.object, name: key.name, before: gone, after: come,
          placeBefore: old.place, placeAfter: new.place))
    }
  }

  /// The values that others lack, each as often as it is there more often.
  private static func without(_ values: [String], _ others: [String]) -> [String] {
    var rest = others
    return values.filter { value in
      guard let place = rest.firstIndex(of: value) else { return true }
      rest.remove(at: place)
      return false
    }
  }

  private static func read(
    _ recordings: [Recording], machine: (String) -> String
  ) throws -> [Key: Stated] {
    var found: [Key: Stated] = [:]
    for recording in recordings {
      // A command line is stated once; what is read again and again may change meanwhile.
      var seen: [Key: Set<String>] = [:]
      for row in try recording.file.rows(
        "SELECT * FROM configuration ORDER BY machine, kind, object, name, path, line")
      {
        guard let on = row.text("machine"), let kind = row.text("kind"),
          let name = row.text("name"),
          let value = row.text("value"), !namesOfARun.contains(name)
        else { continue }
        let key = Key(
          machine: machine(on), kind: kind, object: kind == "qemu" ? nil : row.text("object"),
          name: name)
        let path = row.text("path") ?? ""
        if kind != "qemu", !seen[key, default: []].insert(value).inserted { continue }
        found[key, default: Stated()].values.append(value)
        if found[key]?.place.isEmpty ?? true {
          found[key]?.place =
            "\(path.split(separator: "/").last ?? ""):\(row.integer("line") ?? 1)"
        }
      }
      for row in try recording.file.rows(
        """
        SELECT machine, guest, role, group_concat(cpu, ', ') AS cpus FROM (
          SELECT DISTINCT machine, guest, role, cpu FROM thread_cpu
          WHERE guest IS NOT NULL AND role IN ('vcpu', 'iothread') ORDER BY cpu)
        GROUP BY machine, guest, role ORDER BY machine, guest, role
        """)
      {
        guard let on = row.text("machine"), let guest = row.text("guest"),
          let role = row.text("role"),
          let cpus = row.text("cpus"), recording.isAbout(guest)
        else { continue }
        let key = Key(
          machine: machine(on), kind: "cpus", object: machine(guest),
          name: role == "vcpu" ? "CPUs of its vCPUs" : "CPUs of its iothreads")
        if found[key]?.values.contains(cpus) ?? false { continue }
        found[key, default: Stated()].values.append(cpus)
        found[key]?.place = "scheduler trace"
      }
    }
    return found
  }
}
