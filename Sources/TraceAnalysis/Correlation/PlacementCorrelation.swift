internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// On which nodes of the host guests ran, and where their memory lies.
struct PlacementCorrelation: CorrelationPass {
  static let fills = ["guest_node", "node_move"]

  private var rows: [GuestNodeRow] = []
  private var moves: [NodePlacement.Move] = []

  private struct Key: Hashable {
    let guest: String
    let machine: String
    let node: Int64
  }

  init(_ context: CorrelationContext) throws {
    var parts: [Key: GuestNodeRow] = [:]
    for trace in context.threads.placed { run(trace, context.threads.owners, &parts) }
    try memory(context, &parts)
    fillIn(&parts)
    rows = parts.values.sorted { ($0.guest, $0.machine, $0.node) < ($1.guest, $1.machine, $1.node) }
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for row in rows { try writer.add(row) }
    for move in moves {
      try writer.addMove(thread: move.thread, at: move.at, from: move.from, to: move.to)
    }
  }

  // MARK: Where they ran

  private mutating func run(
    _ trace: ThreadFindings.PlacedTrace, _ owners: [Int64: ThreadOwners.Owner],
    _ parts: inout [Key: GuestNodeRow]
  ) {
    let (machine, placement) = (trace.machine, trace.placement)
    moves += placement.moves
    for (thread, times) in placement.run {
      guard let owner = owners[thread], let guest = owner.guest else { continue }
      for (node, time) in times {
        let key = Key(guest: guest, machine: machine, node: node)
        var part = parts[key] ?? GuestNodeRow(guest: guest, machine: machine, node: node)
        if owner.role == .vcpu {
          part.run = (part.run ?? 0) + time
        } else {
          part.workerRun = (part.workerRun ?? 0) + time
        }
        parts[key] = part
      }
    }
    for move in placement.moves {
      guard let guest = owners[move.thread]?.guest else { continue }
      let key = Key(guest: guest, machine: machine, node: move.to)
      var part = parts[key] ?? GuestNodeRow(guest: guest, machine: machine, node: move.to)
      part.migrations = (part.migrations ?? 0) + 1
      parts[key] = part
    }
    // Nodes of the host on which a guest did not run are rows of 0, not gaps.
    for guest in Set(parts.keys.filter { $0.machine == machine }.map(\.guest)) {
      let ran = parts.values.contains {
        $0.guest == guest && $0.machine == machine && $0.run != nil
      }
      guard ran else { continue }
      for node in trace.nodes {
        let key = Key(guest: guest, machine: machine, node: node)
        var part = parts[key] ?? GuestNodeRow(guest: guest, machine: machine, node: node)
        part.run = part.run ?? 0
        part.migrations = part.migrations ?? 0
        parts[key] = part
      }
    }
  }

  // MARK: Where their memory lies

  private func memory(
    _ context: CorrelationContext, _ parts: inout [Key: GuestNodeRow]
  ) throws {
    let memory = try context.file.processMemory()
    guard !memory.isEmpty else { return }
    for (machine, own) in Dictionary(grouping: memory, by: \.machine) {
      let guests = context.threads.guests(on: machine)
      var names = try context.guestsByProcess(of: machine)
      for fact in try context.threadFacts() where fact.machine == machine {
        guard let process = fact.fact.pid, let guest = fact.fact.guest else { continue }
        names[process] = guest
      }
      for owner in context.threads.owners.values where owner.role == .vcpu {
        guard let process = owner.process, process > 0, let guest = owner.guest else { continue }
        names[process] = guest
      }
      let machines = Set(own.filter { Hypervisor.isProcess(inParentheses: $0.name) }.map(\.process))
      for row in own {
        var guest = names[row.process]
        if machines.count == 1, machines.contains(row.process), guests.count == 1,
          !guests.contains(guest ?? "")
        {
          guest = guests[0]
        }
        guard let guest = guest ?? (machines.contains(row.process) ? "pid \(row.process)" : nil)
        else { continue }
        let key = Key(guest: guest, machine: machine, node: row.node)
        var part = parts[key] ?? GuestNodeRow(guest: guest, machine: machine, node: row.node)
        part.memory = (part.memory ?? 0) + row.bytes
        parts[key] = part
      }
    }
  }

  /// A guest's row for a node that only the other kind of file knows holds 0 of what this kind counts.
  private func fillIn(_ parts: inout [Key: GuestNodeRow]) {
    for (key, part) in parts {
      let own = parts.values.filter { $0.guest == key.guest && $0.machine == key.machine }
      var part = part
      if part.memory == nil, own.contains(where: { $0.memory != nil }) { part.memory = 0 }
      if part.run == nil, own.contains(where: { $0.run != nil }) { part.run = 0 }
      if part.migrations == nil, part.run != nil { part.migrations = 0 }
      parts[key] = part
    }
  }
}
