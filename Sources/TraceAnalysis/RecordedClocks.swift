internal import TraceCorrelation
internal import TraceStore

/// Sets what was recorded of two clocks beside what the requests show.
///
/// The requests prove a bound: the two cannot both be right where they are further apart than both may be
/// off. Nothing is corrected after the record; which of the two is wrong the files do not tell.
struct RecordedClocks {
  private(set) var rows: [RecordedClockRow] = []

  /// Beside the clocks of guests' traces; `machines` are the names of the machines of block traces.
  init(_ file: IncidentFile, _ clocks: [SourceClock], machines: [Int64: String]) throws {
    // Which of several stretches after a step back a moment belongs to, a reading does not say.
    let whole = Dictionary(grouping: clocks, by: \.source).values.filter { $0.count == 1 }
      .compactMap(\.first).sorted { $0.source < $1.source }
    let given = try file.givenClockRelations()
    let readings = try file.clockReadings()
    let guests = Set(try file.guestNames())
    for clock in whole {
      guard let guest = machines[clock.source], let host = machines[clock.reference],
        let trace = try file.traceStart(of: clock.source)
      else { continue }
      for entry in given where entry.clock.machine == guest && entry.clock.reference == host {
        guard entry.clock.toolClock == "blktrace", entry.clock.referenceToolClock == "blktrace"
        else { continue }
        for at in [trace.first, trace.last] {
          let drift = (entry.clock.driftPPM * 1e-6 * Double(at)).rounded()
          guard Self.isNear(at), Self.isNear(entry.clock.offset), abs(drift) < 1e15 else {
            continue
          }
          add(
            clock, "given", entry.path, Int64(entry.clock.line), at,
            at + Int64(drift) + entry.clock.offset, entry.clock.error ?? 0)
        }
      }
      // The file does not name the guest: with several it is anybody's.
      guard guests.count == 1, let start = trace.wallStart,
        let hostStart = try file.traceStart(of: clock.reference)?.wallStart
      else { continue }
      for reading in readings where reading.machine == host {
        let half = (reading.after - reading.before) / 2
        let (own, isFar) = reading.guest.subtractingReportingOverflow(start)
        let (host, isFarther) = (reading.before + half).subtractingReportingOverflow(hostStart)
        guard !isFar, !isFarther, Self.isNear(own), Self.isNear(host) else { continue }
        add(clock, "readings", reading.path, reading.line, own, host, half + 1)
      }
    }
  }

  /// Whether a time is of this incident: within a hundred days.
  private static func isNear(_ time: Int64) -> Bool { time.magnitude < 8_640_000_000_000_000 }

  private mutating func add(
    _ clock: SourceClock, _ origin: String, _ path: String, _ line: Int64, _ at: Int64,
    _ recorded: Int64, _ error: Int64
  ) {
    rows.append(
      RecordedClockRow(
        source: clock.source, reference: clock.reference, origin: origin, path: path, line: line,
        at: at, recorded: recorded, recordedError: error, found: clock.clock.reference(at),
        foundError: clock.clock.error(at: at)))
  }

  func write(to writer: CorrelationWriter) throws {
    for row in rows { try writer.add(row) }
  }
}
