internal import TraceModel
internal import TraceStore

/// A track for each virtual CPU's thread on its host: running, or waiting for a CPU.
enum VCPUTracks {
  static func write(_ file: IncidentFile, to events: TrackEvents) throws {
    let threads = try file.rows(
      """
      SELECT thread_id, source_id, guest, vcpu, comm, tid, segment FROM thread_wait
      WHERE role = 'vcpu' ORDER BY source_id, guest, vcpu, thread_id
      """)
    for (source, own) in Dictionary(grouping: threads, by: { $0.integer("source_id") ?? 0 })
      .sorted(by: { $0.key < $1.key })
    {
      try write(file, source, own, to: events)
    }
  }

  private static func write(
    _ file: IncidentFile, _ source: Int64, _ threads: [QueryRow], to events: TrackEvents
  ) throws {
    let clock = try file.storedClock(of: source)
    let remark = clock == nil ? " (own clock, tied to no other)" : ""
    var tracks: [Int64: TrackEvents.Track] = [:]
    for row in threads {
      guard let id = row.integer("thread_id"), let tid = row.integer("tid") else { continue }
      let guest = row.text("guest").map { "guest \($0), " } ?? ""
      let number = row.integer("vcpu").map { "vCPU \($0), " } ?? ""
      tracks[id] = try events.track(
        "\(guest)\(number)\(row.text("comm") ?? "") \(tid) on its host\(remark)")
    }
    try file.forEachSlice(of: source) { slice in
      guard let track = tracks[slice.thread] else { return }
      func moment(_ own: Int64) -> Int64 { clock?.reference(own) ?? own }
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
}
