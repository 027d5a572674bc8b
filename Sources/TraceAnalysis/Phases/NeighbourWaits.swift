internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What a guest's threads waited for a CPU that threads of others held, over time. All that they wait for holds much
/// besides, in which the coming of a neighbour may drown: their own fellows', the kernel's, the recording tools'.
struct NeighbourWaits {
  /// Of a cell, ns.
  private static let cell: Int64 = 50_000_000
  private static let mostCells = 4_096

  /// By guest, on the reference timeline. Takes a pass over each host's trace that shows one of them; `ignored` are
  /// the names of threads that do not count.
  static func amounts(
    of guests: Set<String>, _ context: CorrelationContext, ignored: Set<String>
  ) throws -> [String: PhaseAmounts] {
    var found: [String: PhaseAmounts] = [:]
    let owners = context.threads.owners
    for trace in context.threads.traces where trace.machine.layer == .host {
      var victims: [Int64: String] = [:]
      for number in trace.extents.keys {
        guard let guest = owners[number]?.guest, guests.contains(guest), found[guest] == nil
        else { continue }
        victims[number] = guest
      }
      guard let clock = trace.clock, !victims.isEmpty else { continue }
      let grid = BlockGrid(
        from: clock.reference(trace.span.from), to: clock.reference(trace.span.to), length: cell,
        most: mostCells)
      var culprits = Culprits(
        idle: Set(trace.threads.values.lazy.filter { $0.tid == 0 }.map(\.id))
      ) { span in
        let (from, to) = (clock.reference(span.from), clock.reference(span.to))
        guard to > from else { return [] }
        return (grid.block(at: from)...grid.block(at: to - 1)).compactMap { block in
          let own = grid.range(of: block)
          let part = min(to, own.upperBound) - max(from, own.lowerBound)
          return part > 0 ? (block, part) : nil
        }
      }
      try context.file.forEachSlice(of: trace.source) { slice in
        guard trace.threads[slice.thread].map({ $0.segment == 0 }) ?? true else { return }
        var seen = slice
        if victims[slice.thread] == nil { seen.forgetWait() }
        culprits.add(seen, segment: 0)
      }
      culprits.finish()
      var cells = Dictionary(
        uniqueKeysWithValues: Set(victims.values).map {
          ($0, [Double](repeating: 0, count: grid.count))
        })
      for (block, blame) in culprits.divided where (0..<grid.count).contains(block) {
        for (pair, wait) in blame {
          guard let guest = victims[pair.victim],
            !ignored.contains(trace.threads[pair.culprit]?.name ?? "")
          else { continue }
          switch CulpritClass(
            pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
            isThrottled: false)
          {
          case .host, .guest, .throttled: cells[guest]?[block] += Double(wait)
          case .kernel, .sibling, .unknown: break
          }
        }
      }
      for (guest, own) in cells {
        found[guest] = PhaseAmounts("waits behind neighbours", grid, own).asSymptom
      }
    }
    return found
  }
}
