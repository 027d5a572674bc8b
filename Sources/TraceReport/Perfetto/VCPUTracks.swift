internal import TraceModel
internal import TraceStore

/// A track for each virtual CPU's thread on its host: running, or waiting for a CPU.
enum VCPUTracks {
  /// A piece of the relation of a trace's clock to the reference timeline.
  private struct Relation {
    let from: Int64
    let offset: Double
    let drift: Double
  }

  static func write(_ file: IncidentFile, to events: TrackEvents) throws {
    let threads = try file.rows(
      """
      SELECT thread_id, source_id, guest, vcpu, comm, tid, segment FROM thread_wait
      WHERE role = 'vcpu' ORDER BY source_id, guest, vcpu, thread_id
      """)
    for (source, own) in Dictionary(grouping: threads, by: { $0.integer("source_id") ?? 0 })
      .sorted(by: { $0.key < $1.key })
    {
      let relations = try file.rows(
        "SELECT from_ns, offset_ns, drift_ppm FROM clock WHERE source_id = \(source) ORDER BY from_ns"
      ).compactMap { row -> Relation? in
        guard let from = row.integer("from_ns"), let offset = row.number("offset_ns"),
          let drift = row.number("drift_ppm")
        else { return nil }
        return Relation(from: from, offset: offset, drift: drift)
      }
      try write(file, source, own, relations, to: events)
    }
  }

  private static func write(
    _ file: IncidentFile, _ source: Int64, _ threads: [QueryRow], _ relations: [Relation],
    to events: TrackEvents
  ) throws {
    var tracks: [Int64: TrackEvents.Track] = [:]
    for row in threads {
      guard let id = row.integer("thread_id"), let tid = row.integer("tid") else { continue }
      let guest = row.text("guest").map { "guest \($0), " } ?? ""
      let number = row.integer("vcpu").map { "vCPU \($0), " } ?? ""
      let clock = relations.isEmpty ? " (own clock, tied to no other)" : ""
      tracks[id] = try events.track(
        "\(guest)\(number)\(row.text("comm") ?? "") \(tid) on its host\(clock)")
    }
    try file.forEachSlice(of: source) { slice in
      guard let track = tracks[slice.thread] else { return }
      func moment(_ own: Int64) -> Int64 { reference(own, relations) }
      let cpu = ("cpu", TrackEvents.Detail.integer(Int64(slice.cpu)))
      if slice.wait != .min {
        try events.slice(
          "waiting", on: track, from: moment(slice.began - slice.wait), to: moment(slice.began),
          details: [cpu])
      }
      if slice.run != .min {
        try events.slice(
          "running", on: track, from: moment(slice.began), to: moment(slice.began + slice.run),
          details: [cpu])
      }
    }
  }

  private static func reference(_ own: Int64, _ relations: [Relation]) -> Int64 {
    guard let relation = relations.last(where: { $0.from <= own }) ?? relations.first else {
      return own
    }
    var moment = own
    moment.add(
      saturating: Int64((relation.offset + relation.drift * 1e-6 * Double(own)).rounded()))
    return moment
  }
}
