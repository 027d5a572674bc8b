internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Guests' disks that no block trace of a host shows, followed through QEMU by its own trace.
struct QEMUCorrelation: CorrelationPass {
  static let fills = ["clock_relation"]

  /// The clocks of QEMU's traces, where a guest's clock is the timeline.
  private var clocks: [ClockRow] = []

  init(_ context: CorrelationContext) throws {
    let places = context.disks.indices.filter {
      context.disks[$0].verdict != .joined && context.disks[$0].verdict != .noRequests
    }
    guard !places.isEmpty else { return }
    let disks = try context.file.qemuDisks()
    guard !disks.isEmpty else { return }
    // Maps lead from a disk to a device of the host, and QEMU sees the disk itself.
    let guests = places.map { place in
      let guest = context.guests[place]
      return GuestDisk(
        machine: guest.machine, stream: guest.stream, source: guest.source,
        segment: guest.segment, rows: guest.rows, bios: guest.bios)
    }
    let join = QEMUJoin(guests: guests, disks: disks)
    guard !join.isEmpty else { return }
    for place in places {
      let guest = context.guests[place]
      let timeline = context.clocks.first {
        $0.source == guest.source && $0.segment == guest.segment
      }
      join.apply(to: &context.disks[place], timeline: timeline?.clock)
    }
    let placed = Set(context.clocks.map(\.source))
    let own = Set(disks.filter(\.isOwnTrace).map(\.source))
    clocks = Self.rows(
      join.clocks.filter { !placed.contains($0.source) && own.contains($0.reference) })
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for clock in clocks { try writer.add(clock) }
  }

  /// How the clock of QEMU's trace becomes that of the guest: the other way round than it was found. A trace of QEMU that
  /// follows several guests' traces is shown on the first one's clock.
  private static func rows(_ clocks: [SourceClock]) -> [ClockRow] {
    var guests: [Int64: Int64] = [:]
    var numbers: [Int64: Int] = [:]
    var rows: [ClockRow] = []
    for clock in clocks {
      let trace = clock.reference
      guard guests[trace, default: clock.source] == clock.source else { continue }
      guests[trace] = clock.source
      for (stretch, relation) in clock.clock.stretches.enumerated() {
        let number = numbers[trace, default: 0]
        numbers[trace] = number + 1
        let back = ClockDrift.inverse(offset: relation.offset, drift: relation.driftPPM)
        rows.append(
          ClockRow(
            source: trace, reference: clock.source, segment: number, stretch: 0,
            start: clock.clock.start(of: stretch).map(relation.reference),
            from: relation.reference(relation.from), to: relation.reference(relation.to),
            offset: back.offset, driftPPM: back.drift,
            error: relation.largestError, middleError: relation.middleError,
            method: "matched requests", pairs: relation.pairs,
            removedPairs: relation.removedPairs, violations: clock.violations))
      }
    }
    return rows
  }
}
