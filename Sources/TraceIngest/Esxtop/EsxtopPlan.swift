internal import TraceModel

/// Which columns of a header are kept, and as what: made once, then rows are read by position.
struct EsxtopPlan {
  /// A column that is kept.
  struct Column {
    /// Its place among the cells of a row, from 0.
    let place: Int
    let object: Int32
    let counter: Int32
    /// Whether it is of a disk: the first row of a run has no values of disks.
    let isDisk: Bool
    /// Whether a VM did something where it is not 0; no first row has that.
    let isOfVirtualDisk: Bool
  }

  let host: String
  let utcOffset: Int32?
  /// Cells of the header and of every row.
  private(set) var cells = 0
  private(set) var columns: [Column] = []
  private(set) var machines = EsxtopMachines()
  /// The column without a name is there: `-a` was given, and the version is 6 or older.
  private(set) var glued = 0
  /// Names that came a second time; the first is kept.
  private(set) var repeated: Int64 = 0
  /// Kinds of objects of which the file has a column.
  private(set) var kinds: Set<EsxKind> = []
  private(set) var counters: Set<String> = []

  /// What the header says is not ESXi's.
  struct Foreign: Error {}

  /// What `sink` gives numbers to.
  private struct Made: Hashable {
    let object: Int32
    let counter: Int32
  }

  /// Reads a header: throws ``Foreign`` where it is another system's.
  init(_ bytes: Span<UInt8>, _ line: Range<Int>, sink: any EventSink) throws {
    var first: Substring?
    var zone = EsxtopZone("")
    var isOurs = false
    var machines = EsxtopMachines()
    // Groups first: the names of worlds begin with theirs.
    for pass in 0..<2 {
      Self.forEach(bytes, line) { place, text in
        if place == 0 {
          zone = EsxtopZone(text)
          return
        }
        guard let name = EsxtopColumnName(text[...]) else { return }
        if first == nil { first = name.host }
        guard let kind = EsxKind(rawValue: String(name.kind)) else {
          if pass == 0 { isOurs = isOurs || Self.isESXi(name.kind) }
          return
        }
        if pass == 0,
          kind != .memory || EsxCounter.of(.memory).contains(where: { $0.name == name.counter })
        {
          isOurs = true
        }
        switch (pass, kind) {
        case (0, .groupCPU), (0, .groupMemory): machines.addGroup(name)
        case (1, .world): machines.addWorld(name)
        case (1, .port): machines.addPort(name)
        default: break
        }
      }
    }
    guard isOurs, let first else { throw Foreign() }
    machines.finish()
    host = String(first)
    utcOffset = zone.utcOffset
    self.machines = machines
    try keep(bytes, line, sink)
  }

  /// Kinds that only esxtop has, and of which nothing is kept.
  private static func isESXi(_ kind: Substring) -> Bool {
    [
      "PCPU Power State", "Interrupt Cookie", "Interrupt Vector", "Physical Disk",
      "Physical Disk Adapter", "Physical Disk Path", "Physical Disk Partition", "VSAN",
      "Numa Node", "Power",
    ].contains(kind)
  }

  private static func forEach(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ body: (Int, String) -> Void
  ) {
    var cells = EsxtopCells(line)
    while let cell = cells.next(bytes) {
      var text = bytes.text(from: cell.lowerBound, to: cell.upperBound)
      if cells.hasQuotes { text = text.replacing("\"\"", with: "\"") }
      body(cells.count - 1, text)
    }
  }

  private mutating func keep(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ sink: any EventSink
  ) throws {
    var byName: [EsxKind: [String: EsxCounter]] = [:]
    for kind in EsxKind.allCases {
      byName[kind] = Dictionary(uniqueKeysWithValues: EsxCounter.of(kind).map { ($0.name, $0) })
    }
    var objects: [CounterObject: Int32] = [:]
    var numbers: [Counter: Int32] = [:]
    var made: Set<Made> = []
    var cells = EsxtopCells(line)
    while let cell = cells.next(bytes) {
      if cells.isGlued { glued += 1 }
      var text = bytes.text(from: cell.lowerBound, to: cell.upperBound)
      if cells.hasQuotes { text = text.replacing("\"\"", with: "\"") }
      guard let name = EsxtopColumnName(text[...]), let kind = EsxKind(rawValue: String(name.kind)),
        let counter = byName[kind]?[String(name.counter)],
        let object = object(kind, name, counter)
      else { continue }
      kinds.insert(kind)
      counters.insert(counter.name)
      // Names that no host has: memory must not follow hostile input.
      guard object.name.utf8.count <= Self.longestName, objects.count < Self.mostObjects else {
        continue
      }
      let stored = Counter(
        name: counter.name, unit: counter.unit, nature: counter.nature, scale: 100)
      let number = try numbers[stored] ?? sink.counter(stored)
      numbers[stored] = number
      let place = try objects[object] ?? sink.object(object)
      objects[object] = place
      guard made.insert(Made(object: place, counter: number)).inserted else {
        repeated += 1
        continue
      }
      columns.append(
        Column(
          place: cells.count - 1, object: place, counter: number, isDisk: Self.disks.contains(kind),
          isOfVirtualDisk: kind == .virtualDisk || kind == .datastore))
    }
    self.cells = cells.count
  }

  private static let longestName = 1024
  private static let mostObjects = 1 << 18
  private static let disks: Set<EsxKind> = [.device, .deviceUser, .virtualDisk, .datastore]

  // MARK: - Objects

  /// What a column is of; nil where it is not kept.
  private func object(
    _ kind: EsxKind, _ name: EsxtopColumnName, _ counter: EsxCounter
  ) -> CounterObject? {
    func made(
      _ kind: CounterObjectKind, _ name: String, of owner: String? = nil, _ part: String? = nil
    ) -> CounterObject {
      CounterObject(tool: Esxtop.tool, kind: kind, name: name, owner: owner, part: part)
    }
    let instance = String(name.instance)
    switch kind {
    case .memory, .load: return made(.machine, "")
    case .physicalCPU: return instance == "_Total" ? made(.machine, "") : made(.cpu, instance)
    case .groupCPU, .groupMemory:
      guard let (group, own) = EsxtopMachines.group(name.instance) else { return nil }
      if let label = machines.label(ofGroup: group) { return made(.vm, label, of: label) }
      // Of the host's own services only what CPU time they took.
      let isService = kind == .groupCPU && counter.name == "% Used"
      if isService { return made(.service, "\(own) (\(group))") }
      // Without columns of CPUs nobody knows which groups are VMs.
      return kind == .groupMemory && machines.machines.isEmpty
        ? made(.vm, String(own), of: String(own)) : nil
    case .world:
      guard let (group, world) = machines.world(name.instance),
        let number = EsxtopMachines.vcpu(world), let label = machines.label(ofGroup: group)
      else { return nil }
      return made(.vcpu, "\(label) vCPU \(number)", of: label, "\(number)")
    case .device: return made(.disk, instance, of: nil, instance)
    case .datastore: return made(.datastore, instance, of: nil, instance)
    case .deviceUser:
      guard let dash = instance.lastIndex(of: "-"),
        let world = Int64(instance[instance.index(after: dash)...])
      else { return nil }
      let device = String(instance[..<dash])
      guard let owner = machines.label(ofWorld: world) else {
        return made(.diskUser, "\(device) world \(world)", of: nil, device)
      }
      return made(
        .diskUser, "\(device) \(owner.label)" + (owner.isHelper ? " vmx" : ""), of: owner.label,
        device)
    case .virtualDisk:
      guard let (own, disk) = Self.virtualDisk(instance) else { return nil }
      let label = machines.label(named: own)
      return made(.virtualDisk, "\(label) \(disk)", of: label, disk)
    case .port:
      guard let port = EsxtopPort(name.instance) else { return nil }
      let owner = port.leader.flatMap { machines.label(ofWorld: $0)?.label }
      return made(.port, instance, of: owner, String(port.client))
    }
  }

  /// `SQL02 (df09cdf2-...):scsi0:1`: the VM and its disk; nil for the sum over a VM's disks.
  static func virtualDisk(_ instance: String) -> (machine: String, disk: String)? {
    guard let last = instance.lastIndex(of: ":"),
      let first = instance[..<last].lastIndex(of: ":"),
      Int(instance[instance.index(after: last)...]) != nil
    else { return nil }
    let bus = instance[instance.index(after: first)..<last]
    let kind = bus.prefix { $0.isLetter }
    guard ["scsi", "sata", "ide", "nvme"].contains(kind), Int(bus.dropFirst(kind.count)) != nil
    else { return nil }
    return (String(instance[..<first]), String(instance[instance.index(after: first)...]))
  }
}
