internal import TraceModel
internal import TraceStore

/// A track for each hop of a guest's disk. What overlaps goes on lanes, tracks of one name, which the
/// viewer shows as one; an I/O has the same lane in all hops.
enum IOTracks {
  private struct Disk {
    let parent: TrackEvents.Track
    var lanes = Lanes()
    /// By hop, then by lane; `io` is the whole of it.
    var tracks: [String: [TrackEvents.Track]] = [:]
  }

  static func write(_ file: IncidentFile, to events: TrackEvents) throws {
    var disks: [[String]: Disk] = [:]
    var names: [String] = []
    try file.query(
      """
      SELECT io_id, guest, device, op, sector, sectors, match_grade, match_reason, clock_error_ns,
        reference_ns IS NULL AS is_own_clock, total_ns,
        coalesce(reference_ns, queued_at_ns) - coalesce(page_cache_ns, 0) AS at_ns,
        \(Hop.parts.map(\.column).joined(separator: ", "))
      FROM io
      WHERE total_ns IS NOT NULL AND coalesce(reference_ns, queued_at_ns) IS NOT NULL
      ORDER BY at_ns, io_id
      """,
      isChecked: true, columns: { names = $0 },
      row: { values in
        let row = Dictionary(uniqueKeysWithValues: zip(names, values))
        guard case .integer(let id)? = row["io_id"], case .integer(let at)? = row["at_ns"],
          case .integer(let total)? = row["total_ns"], case .text(let guest)? = row["guest"],
          case .text(let device)? = row["device"], case .text(let op)? = row["op"]
        else { return }
        let isOwn = row["is_own_clock"] == .integer(1)
        let key = [guest, device, isOwn ? "own" : ""]
        var disk =
          try disks[key]
          ?? Disk(
            parent: events.track(
              "guest \(guest), disk \(device)" + (isOwn ? " (own clock, tied to no host's)" : "")))
        // The last lane's number decides where all its slices go.
        var end = at
        end.add(saturating: total)
        let lane = disk.lanes.take(from: at, to: end)
        func track(_ hop: String) throws -> TrackEvents.Track {
          while disk.tracks[hop, default: []].count <= lane {
            disk.tracks[hop, default: []].append(try events.track(hop, in: disk.parent))
          }
          return disk.tracks[hop, default: []][lane]
        }
        var details: [(String, TrackEvents.Detail)] = [("io_id", .integer(id))]
        for name in ["sector", "sectors", "match_grade", "match_reason", "clock_error_ns"] {
          switch row[name] {
          case .integer(let value)?: details.append((name, .integer(value)))
          case .text(let text)?: details.append((name, .text(text)))
          default: break
          }
        }
        try events.slice(op, on: track("io"), from: at, to: end, flow: id, details: details)
        var begin = at
        // End to end they are the total.
        for hop in Hop.parts {
          guard case .integer(let length)? = row[hop.column] else {
            // Without an earlier hop nobody knows when the later ones began.
            if hop == .pageCache || Hop.throughQEMU.contains(hop) { continue }
            guard case .integer? = row[Hop.backend.column] else { break }
            continue
          }
          try add(hop.name, op, id, begin, length, to: track(hop.name), events)
          begin.add(saturating: length)
        }
        disks[key] = disk
      })
  }

  /// Within the clocks' bound a half of the way through the virtio queue may come out below zero: such a
  /// slice is empty, and says its length.
  private static func add(
    _ hop: String, _ op: String, _ id: Int64, _ begin: Int64, _ length: Int64,
    to track: TrackEvents.Track, _ events: TrackEvents
  ) throws {
    var end = begin
    end.add(saturating: max(0, length))
    try events.slice(
      "\(hop) \(op)", on: track, from: begin, to: end, flow: id,
      details: [("io_id", .integer(id)), ("hop_ns", .integer(length))])
  }
}
