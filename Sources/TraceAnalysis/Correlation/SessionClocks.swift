internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Places recordings of guests without block requests on the timeline, by what trace-cmd recorded of their clocks.
struct SessionClocks: CorrelationPass {
  static let fills = ["clock_relation"]

  private var rows: [ClockRow] = []

  init(_ context: CorrelationContext) throws {
    let sessions = try RecordedSessions(context.file)
    let placed = Set(context.clocks.map(\.source))
    let references = Self.references(context, sessions)
    for guest in sessions.shifted where !placed.contains(guest.source) {
      guard let start = try context.file.traceStart(of: guest.source) else { continue }
      let span = start.first...max(start.first, start.last)
      for reference in references {
        guard let exact = sessions.relation(of: guest.source, over: span, to: reference) else {
          continue
        }
        rows.append(
          ClockRow(
            source: guest.source, reference: reference, segment: 0, stretch: 0, start: nil,
            from: span.lowerBound, to: span.upperBound,
            offset: Double(exact.reference - exact.own) - exact.gain * Double(exact.own),
            driftPPM: exact.gain * 1e6, error: ExactRelation.error,
            middleError: ExactRelation.error, method: BlockJoin.timeShift, pairs: 0,
            removedPairs: 0, violations: 0))
        break
      }
    }
  }

  /// The traces whose clock may be the timeline: what others lie on already, else a host's block trace, else any recording
  /// of a host.
  private static func references(
    _ context: CorrelationContext, _ sessions: RecordedSessions
  ) -> [Int64] {
    if let reference = context.clocks.first?.reference { return [reference] }
    let blocks = context.streams.filter { $0.machine.layer == .host }.map(\.source)
    return blocks.isEmpty ? sessions.hosts.map(\.source) : Set(blocks).sorted()
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for row in rows { try writer.add(row) }
  }
}
