internal import TraceModel

/// The name of a column: `\\host\Virtual Disk(SQL02 (df09cdf2):scsi0:0)\Reads/sec`.
///
/// The counter stands behind the last backslash, the kind before the first parenthesis of the object, and the instance
/// between that and the last one: names of VMs may have parentheses, blanks, commas and colons.
struct EsxtopColumnName {
  let host: Substring
  let kind: Substring
  /// Empty where the kind has no instances.
  let instance: Substring
  let counter: Substring

  /// Nil for the column without a name.
  init?(_ text: Substring) {
    guard text.hasPrefix("\\\\") else { return nil }
    let body = text.dropFirst(2)
    guard let first = body.firstIndex(of: "\\"), let last = body.lastIndex(of: "\\"), first < last
    else { return nil }
    host = body[..<first]
    counter = body[body.index(after: last)...]
    let object = body[body.index(after: first)..<last]
    guard let open = object.firstIndex(of: "(") else {
      (kind, instance) = (object, "")
      return
    }
    kind = object[..<open]
    let rest = object[object.index(after: open)...]
    instance = rest.lastIndex(of: ")").map { rest[..<$0] } ?? rest
  }
}

/// What the first cell of a header says: `(PDH-CSV 4.0) (UTC)(0)`.
struct EsxtopZone {
  /// Seconds that the printed times are ahead of UTC; nil where the cell does not say it.
  let utcOffset: Int32?

  /// The bias in the second parentheses is what must be added to the printed time to get UTC, in minutes.
  init(_ cell: String) {
    guard let close = cell.lastIndex(of: ")"), let open = cell[..<close].lastIndex(of: "("),
      let minutes = Int32(cell[cell.index(after: open)..<close]), minutes.magnitude <= 16 * 60
    else {
      utcOffset = nil
      return
    }
    utcOffset = -60 * minutes
  }
}

/// The VMs of a host, by the names of the columns: a group with `% VmWait` is one, and so is one with a virtual CPU.
///
/// A VM has a group id, a name and the id of its leader world, which other columns have: `PVSCSI-480214:0`,
/// `internal:50331705:480214:poseidon`, `naa.6006-480214`.
struct EsxtopMachines {
  struct Machine {
    let group: Int64
    let name: String
    var leader: Int64?
    /// Numbers of its virtual CPUs.
    var vcpus: Set<Int> = []
    /// The kind of controller by the number of its bus: `PVSCSI`, `LSI`.
    var controllers: [Int: String] = [:]
    /// Its name, with the group id where two VMs of the host have the same.
    var label = ""
  }

  /// Names of all groups, by their ids.
  private var names: [Int64: String] = [:]
  private(set) var machines: [Int64: Machine] = [:]
  private var groupOfLeader: [Int64: Int64] = [:]
  /// Leaders whose group no column names, with what the port calls them.
  private var ports: [Int64: String] = [:]

  /// `1423953:poseidon`.
  static func group(_ instance: Substring) -> (group: Int64, name: Substring)? {
    guard let colon = instance.firstIndex(of: ":"), let group = Int64(instance[..<colon]) else {
      return nil
    }
    return (group, instance[instance.index(after: colon)...])
  }

  /// `1423953:poseidon:480221:vmx-vcpu-0:poseidon`: the group, and the world's name.
  func world(_ instance: Substring) -> (group: Int64, name: Substring)? {
    guard let (group, rest) = Self.group(instance) else { return nil }
    if let name = names[group], rest.hasPrefix(name + ":") {
      let world = rest.dropFirst(name.count + 1)
      guard let colon = world.firstIndex(of: ":"), Int64(world[..<colon]) != nil else { return nil }
      return (group, world[world.index(after: colon)...])
    }
    // Without the group's own columns its name ends where an id stands.
    var from = rest.startIndex
    while let colon = rest[from...].firstIndex(of: ":") {
      let next = rest[rest.index(after: colon)...]
      if let end = next.firstIndex(of: ":"), Int64(next[..<end]) != nil {
        return (group, next[next.index(after: end)...])
      }
      from = next.startIndex
    }
    return nil
  }

  /// `vmx-vcpu-1:poseidon`, `vcpu-1:...`: the number of a virtual CPU.
  static func vcpu(_ world: Substring) -> Int? {
    Hypervisor.esxiVCPU(ofWorld: world)
  }

  /// First pass: names of groups.
  mutating func addGroup(_ name: EsxtopColumnName) {
    guard let (group, own) = Self.group(name.instance) else { return }
    names[group] = String(own)
    if name.counter == "% VmWait" { add(group, String(own)) }
  }

  private mutating func add(_ group: Int64, _ name: String) {
    if machines[group] == nil { machines[group] = Machine(group: group, name: name) }
  }

  /// Second pass: worlds and ports.
  mutating func addWorld(_ name: EsxtopColumnName) {
    guard let (group, world) = world(name.instance) else { return }
    if let number = Self.vcpu(world) {
      if machines[group] == nil, let (_, rest) = Self.group(name.instance) {
        // `poseidon:480221:vmx-vcpu-0:poseidon`
        let own = names[group] ?? String(rest.dropLast(world.count + 1))
        add(group, names[group] ?? String(own[..<(own.lastIndex(of: ":") ?? own.endIndex)]))
      }
      machines[group]?.vcpus.insert(number)
      return
    }
    for head in ["NetWorld-VM-", "vmast."] where world.hasPrefix(head) {
      setLeader(Int64(world.dropFirst(head.count)), of: group)
    }
    for head in ["PVSCSI", "LSI", "NVME", "AHCI"] where world.hasPrefix(head + "-") {
      let parts = world.dropFirst(head.count + 1).split(separator: ":")
      guard parts.count == 2, let bus = Int(parts[1]) else { continue }
      setLeader(Int64(parts[0]), of: group)
      machines[group]?.controllers[bus] = head
    }
  }

  private mutating func setLeader(_ leader: Int64?, of group: Int64) {
    guard let leader, machines[group] != nil else { return }
    machines[group]?.leader = leader
    groupOfLeader[leader] = group
  }

  mutating func addPort(_ name: EsxtopColumnName) {
    guard let port = EsxtopPort(name.instance), let leader = port.leader else { return }
    ports[leader] = String(port.client)
  }

  /// All columns were seen: gives labels, and machines to leaders that a port alone names.
  mutating func finish() {
    let byName = Dictionary(grouping: machines.values, by: \.name)
    for (group, machine) in machines {
      let isAlone = byName[machine.name]?.count == 1
      machines[group]?.label = isAlone ? machine.name : "\(machine.name) (\(group))"
    }
    for (leader, client) in ports where groupOfLeader[leader] == nil {
      // Newer versions write `poseidon.eth0`.
      let name = client.lastIndex(of: ".").map { String(client[..<$0]) } ?? client
      let own = byName[client] ?? byName[name] ?? []
      guard own.count == 1, own[0].leader == nil else { continue }
      machines[own[0].group]?.leader = leader
      groupOfLeader[leader] = own[0].group
    }
  }

  /// What a group's objects are called; nil for one that is no VM.
  func label(ofGroup group: Int64) -> String? { machines[group]?.label }

  /// The VM of a leader world; its process `vmx`, which reads CD-ROMs and writes logs, is the world before.
  func label(ofWorld world: Int64) -> (label: String, isHelper: Bool)? {
    if let group = groupOfLeader[world] { return label(ofGroup: group).map { ($0, false) } }
    guard let group = groupOfLeader[world &+ 1] else { return ports[world].map { ($0, false) } }
    return label(ofGroup: group).map { ($0, true) }
  }

  /// The VM of that name, by the label where several have it.
  func label(named name: String) -> String {
    let own = machines.values.filter { $0.name == name }
    return own.count == 1 ? own[0].label : name
  }

  /// All, in the order of their groups.
  var all: [Machine] { machines.values.sorted { $0.group < $1.group } }
}

/// `vSwitch0:33554434:vmnic0`, `internal:50331705:480214:poseidon`: a port of a switch.
struct EsxtopPort {
  let leader: Int64?
  let client: Substring

  init?(_ instance: Substring) {
    let parts = instance.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, Int64(parts[1]) != nil else { return nil }
    if let colon = parts[2].firstIndex(of: ":"), let leader = Int64(parts[2][..<colon]) {
      (self.leader, client) = (leader, parts[2][parts[2].index(after: colon)...])
    } else {
      (leader, client) = (nil, parts[2])
    }
  }
}
