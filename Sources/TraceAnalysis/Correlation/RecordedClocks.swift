internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What was recorded of guests' clocks and their host's.
///
/// What relates them exactly, since both recordings count one counter, is the relation. What else was recorded narrows
/// the bound that the requests leave, and places a trace of which no request was matched. What contradicts the requests
/// is left out, for their bound is proven, and is a finding; which of the two is wrong the files do not tell.
struct RecordedClocks {
  /// A moment of a guest's trace for which something was recorded.
  private struct Moment {
    let origin: String
    let path: String
    /// nil: the file has no lines.
    var line: Int64?
    let own: Int64
    let reference: Int64
    /// ns; nil: not said.
    let error: Int64?
    /// Whether it may narrow a bound that is proven.
    let isBound: Bool
    /// ppm; nil where the record is of this moment alone.
    var drift: Double?

    var bound: RecordedMoment? {
      guard isBound, let error else { return nil }
      return RecordedMoment(own: own, reference: (reference - error)...(reference + error))
    }
  }

  /// A guest's trace and a host's.
  private struct Pair: Hashable {
    let source: Int64
    let reference: Int64
  }

  private var moments: [Pair: [Moment]] = [:]
  private var exact: [Pair: ExactRelation] = [:]
  private var spans: [Int64: ClosedRange<Int64>] = [:]
  /// Of the clocks of these guests' traces on those of these hosts', by the names of the machines.
  init(_ file: IncidentFile, guests: [Int64: String], hosts: [Int64: String]) throws {
    let given = try file.givenClockRelations()
    let readings = try file.clockReadings()
    let sessions = try RecordedSessions(file)
    guard !given.isEmpty || !readings.isEmpty || !sessions.isEmpty else { return }
    // The file of readings does not name the guest: with several it is anybody's.
    let isOnlyGuest = try file.machineNames(.guest).count == 1
    for (source, guest) in guests {
      guard let trace = try file.traceStart(of: source) else { continue }
      spans[source] = trace.first...max(trace.first, trace.last)
      for (reference, host) in hosts {
        var own: [Moment] = []
        for entry in given where entry.clock.machine == guest && entry.clock.reference == host {
          own += Self.moments(entry, at: [trace.first, trace.last])
        }
        if isOnlyGuest, let other = try file.traceStart(of: reference) {
          own += readings.lazy.filter { $0.machine == host }
            .compactMap { Self.moment($0, trace, other) }
        }
        let pair = Pair(source: source, reference: reference)
        add(sessions, pair, &own)
        moments[pair] = own
      }
    }
  }

  /// What trace-cmd recorded of the clocks of a guest and its host.
  private mutating func add(_ sessions: RecordedSessions, _ pair: Pair, _ moments: inout [Moment]) {
    guard let span = spans[pair.source], let path = sessions.row(pair.source)?.path else { return }
    func moment(_ own: Int64, _ reference: Int64, _ error: Int64) -> Moment {
      Moment(
        origin: "time shift", path: path, own: own, reference: reference, error: error,
        isBound: false)
    }
    if let relation = sessions.relation(of: pair.source, over: span, to: pair.reference) {
      exact[pair] = relation
      moments += [span.lowerBound, span.upperBound].map { own in
        var moment = moment(own, relation.reference(at: own), ExactRelation.error)
        moment.drift = relation.gain * 1e6
        return moment
      }
    }
    moments += sessions.measured(of: pair.source, to: pair.reference).map(moment)
  }

  /// What somebody wrote down about block traces.
  private static func moments(_ entry: GivenClockRow, at times: [Int64]) -> [Moment] {
    let clock = entry.clock
    guard clock.toolClock == "blktrace", clock.referenceToolClock == "blktrace",
      isNear(clock.offset), isNear(clock.error ?? 0)
    else { return [] }
    return times.compactMap { own in
      let drift = ClockDrift.gain(clock.driftPPM, over: own).rounded()
      guard isNear(own), abs(drift) < 1e15 else { return nil }
      return Moment(
        origin: "given", path: entry.path, line: Int64(clock.line), own: own,
        reference: own + Int64(drift) + clock.offset, error: clock.error,
        isBound: true, drift: clock.driftPPM)
    }
  }

  /// A reading of both clocks, by the times at which both traces begin.
  ///
  /// CLOCK_MONOTONIC is what the traces count, and bounds their relation. The wall clock at which a trace began
  /// was read a moment beside that count, hundreds of microseconds on a slow machine: it only checks.
  private static func moment(
    _ reading: ClockReadingRow, _ trace: TraceStartRow, _ other: TraceStartRow
  ) -> Moment? {
    let bracket: ClockBracket
    let starts: (own: Int64, reference: Int64)
    let isMonotonic: Bool
    if let monotonic = reading.monotonic, let own = trace.monotonicStart,
      let reference = other.monotonicStart
    {
      (bracket, starts, isMonotonic) = (monotonic, (own, reference), true)
    } else if let own = trace.wallStart, let reference = other.wallStart {
      (bracket, starts, isMonotonic) = (reading.wall, (own, reference), false)
    } else {
      return nil
    }
    let half = (bracket.after - bracket.before) / 2
    let (own, isFar) = bracket.guest.subtractingReportingOverflow(starts.own)
    let (host, isFarther) = (bracket.before + half)
      .subtractingReportingOverflow(starts.reference)
    guard !isFar, !isFarther, isNear(own), isNear(host) else { return nil }
    return Moment(
      origin: "readings", path: reading.path, line: reading.line, own: own, reference: host,
      error: half + 1, isBound: isMonotonic)
  }

  /// Whether a time is of this incident: within a hundred days.
  private static func isNear(_ time: Int64) -> Bool { time.magnitude < 8_640_000_000_000_000 }

  /// What of it bounds a clock. A relation whose error nobody said only checks.
  var records: [ClockRecord] {
    moments.compactMap { pair, moments in
      guard let trace = spans[pair.source] else { return nil }
      let records = Dictionary(grouping: moments, by: \.path).sorted { $0.key < $1.key }
        .map { $0.value.compactMap(\.bound) }.filter { !$0.isEmpty }
      guard !records.isEmpty || exact[pair] != nil else { return nil }
      return ClockRecord(
        source: pair.source, reference: pair.reference, span: trace, records: records,
        exact: exact[pair])
    }.sorted { ($0.source, $0.reference) < ($1.source, $1.reference) }
  }

  /// Sets it beside what the requests show.
  func compared(_ clocks: [SourceClock]) -> [RecordedClockRow] {
    var rows: [RecordedClockRow] = []
    // Which of several stretches after a step back a moment belongs to, a reading does not say.
    let whole = Dictionary(grouping: clocks, by: \.source).values.filter { $0.count == 1 }
      .compactMap(\.first).sorted { $0.source < $1.source }
    for clock in whole {
      guard let requests = clock.byRequests else { continue }
      for moment in moments[Pair(source: clock.source, reference: clock.reference)] ?? [] {
        rows.append(
          RecordedClockRow(
            source: clock.source, reference: clock.reference, origin: moment.origin,
            path: moment.path, line: moment.line, at: moment.own, recorded: moment.reference,
            recordedError: moment.error ?? 0, found: requests.reference(moment.own),
            foundError: foundError(moment, requests)))
      }
    }
    return rows
  }

  /// How far what the requests show may be off at a recorded moment, ns; nil where they do not tell, for no
  /// request is near and the clock may have stepped in between.
  private func foundError(_ moment: Moment, _ requests: GuestClock) -> Int64? {
    func isApart(_ own: Int64, _ recorded: Int64) -> Bool {
      abs(recorded - requests.reference(own)) > (moment.error ?? 0) + requests.error(at: own)
    }
    let error = requests.error(at: moment.own)
    if requests.isShown(at: moment.own) || !isApart(moment.own, moment.reference) { return error }
    // A relation that holds for all of the trace can be looked at where requests are.
    guard let drift = moment.drift, requests.stretches.count == 1 else { return nil }
    let shown = requests.nearestShown(to: moment.own)
    let since = shown - moment.own
    let recorded = moment.reference + since + Int64(ClockDrift.gain(drift, over: since).rounded())
    return isApart(shown, recorded) ? error : nil
  }
}

/// What was recorded of clocks beside what the requests show.
struct RecordedClockCheck: CorrelationPass {
  static let fills = ["recorded_clock"]

  private let rows: [RecordedClockRow]

  init(_ context: CorrelationContext) throws {
    rows = try context.recordedClocks().compared(context.clocks)
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for row in rows { try writer.add(row) }
  }
}
