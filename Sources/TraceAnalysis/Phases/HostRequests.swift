internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the threads of a guest without a block trace of its own asked of the host's devices.
struct HostRequests {
  /// Of one device: its stretch, and the guest's requests that carry data and came to an end.
  struct Device {
    let stream: Int32
    let name: String
    let rows: [BlockRequest]
  }

  let guest: String
  /// The host.
  let machine: String
  let devices: [Device]

  /// A trace in which fewer of the requests show their Q is one of D and C alone.
  private static let fewestQueued = 0.5

  /// Of each guest whose threads a host's scheduler trace shows and which has no disk in any block trace, by name.
  static func all(_ context: CorrelationContext) throws -> [HostRequests] {
    let machines = Set(context.guests.map(\.machine))
    let tids = try context.tids()
    var guests: [String: [Device]] = [:]
    var hosts: [String: String] = [:]
    for trace in context.threads.traces where trace.machine.layer == .host {
      for number in trace.threads.keys {
        guard let guest = context.threads.owners[number]?.guest else { continue }
        guests[guest] = guests[guest] ?? []
        hosts[guest] = hosts[guest] ?? trace.machine.name
      }
      guard guests.contains(where: { !machines.contains($0.key) }) else { continue }
      // Times of another block trace are not on the reference.
      let owners = context.threads.owners(on: trace.machine.name)
      for entry in context.devices
      where entry.stream.machine == trace.machine && entry.stream.source == trace.block
        && entry.stream.segment == 0 && entry.stream.issuedRequests > 0
      {
        let own = Dictionary(grouping: entry.rows) { row in
          tids[row.task].flatMap { owners[Int64($0)]?.guest }
        }
        for (guest, rows) in own {
          guard let guest, !machines.contains(guest),
            guests[guest]?.contains(where: { $0.stream == entry.stream.stream }) == false
          else { continue }
          guests[guest]?.append(
            Device(stream: entry.stream.stream, name: entry.stream.device, rows: rows))
        }
      }
    }
    return guests.filter { !machines.contains($0.key) }.sorted { $0.key < $1.key }.map {
      HostRequests(
        guest: $0, machine: hosts[$0] ?? "", devices: $1.sorted { $0.stream < $1.stream })
    }
  }

  /// They as I/Os of which the host's part alone is known.
  func population(threads: Span?) -> PhasePopulation {
    PhasePopulation(
      guest: guest, devices.map { ($0.name, Self.ios($0.rows)) }, seenBy: .host, threads: threads)
  }

  static func ios(_ rows: [BlockRequest]) -> GuestIOs {
    let ended = rows.filter { $0.issued.isSeen && $0.completed.isSeen && $0.sectors > 0 }
    let isQueued =
      Double(ended.count { $0.queued.isSeen }) >= fewestQueued * Double(ended.count)
    var ios = GuestIOs()
    for row in ended {
      guard let issued = row.issued.nanoseconds, let completed = row.completed.nanoseconds,
        let start = isQueued ? row.queued.nanoseconds : issued, issued >= start,
        completed >= issued
      else { continue }
      var io = GuestIO()
      io.request = row.id
      io.sector = row.sector
      io.sectors = row.sectors
      io.operation = row.operation
      io.reference = Stamp(start)
      if isQueued { io.times[.hostScheduler] = Stamp(issued - start) }
      io.times[.hardwareQueue] = Stamp(completed - issued)
      io.times[.block] = Stamp(completed - start)
      ios.append(io)
    }
    return ios
  }
}
