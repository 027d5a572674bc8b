internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// How the wall clocks of machines lie on the reference timeline.
///
/// Anchored where a binary block trace tells its absolute start; tools that print whole seconds are then
/// moved by what is left of the second, found by laying their series over what a trace measured. Without an
/// anchor the series alone must tell: bytes read and written against the block trace of the same machine,
/// or the guest's `st` against the waits of its vCPUs. What does not stand out is not joined. A relation that
/// an incident.yaml gives is used in the place of all that. Times whose zone is not known are hours off, so no
/// anchor places them.
struct WallClocks {
  /// A wall clock; its times plus `offset` are times of the reference.
  struct Relation {
    let offset: Int64
    /// ns.
    let error: Int64
    let method: String
    let samples: Int
  }

  /// What there is to lay a machine's counters over.
  struct Machine {
    let name: String
    /// Its block trace: its clock onto the reference, and what was queued when, in KiB.
    var block: (source: Int64, clock: GuestClock?, reads: GrowthCurve?, writes: GrowthCurve?)?
    /// The waits of its vCPUs on the reference, and how many it has.
    var waits: (curve: GrowthCurve, vcpus: Int)?
  }

  /// By source.
  private(set) var relations: [Int64: Relation] = [:]
  private var rows: [ClockRow] = []

  private static let second: Int64 = 1_000_000_000
  /// Between a date and what is read after it, ns.
  private static let late: Int64 = 20_000_000

  /// Relates the wall-clock sources of these machines.
  init(_ context: CorrelationContext, _ machines: [Machine], reference: Int64) throws {
    let file = context.file
    let sources = try context.wallSources()
    for machine in machines {
      let own = sources.filter { $0.machine == machine.name }
      guard !own.isEmpty else { continue }
      let reports = try context.vmstatReports(of: machine.name)
      // What a tool was fitted by serves the others, where both tell UTC or neither does.
      var fitted: [Bool: Relation] = [:]
      for source in own where source.format == "vmstat" {
        let samples = reports.filter { $0.source == source.source }
        guard let found = try Self.fit(file, machine, samples) else { continue }
        relations[source.source] = found
        if found.samples > fitted[source.isUTC]?.samples ?? 0 { fitted[source.isUTC] = found }
      }
      for source in own where relations[source.source] == nil {
        let moment = source.first + (source.last - source.first) / 2
        if source.isUTC, let anchor = try Self.anchor(file, machine, at: moment) {
          relations[source.source] = Relation(
            offset: anchor.offset + (source.isWholeSeconds ? Self.second / 2 : 0),
            error: anchor.error + (source.isWholeSeconds ? Self.second / 2 : Self.late),
            method: "recorded start", samples: 0)
        } else if let fitted = fitted[source.isUTC] {
          // Whole seconds, or not: that much the two tools may differ.
          relations[source.source] = Relation(
            offset: fitted.offset, error: fitted.error + Self.second, method: fitted.method,
            samples: fitted.samples)
        }
      }
    }
    try useGiven(file, machines, sources, reference: reference)
    for source in sources {
      guard let relation = relations[source.source] else { continue }
      rows.append(
        ClockRow(
          source: source.source, reference: reference, segment: 0, stretch: 0, start: nil,
          from: source.first, to: source.last, offset: Double(relation.offset), driftPPM: 0,
          error: relation.error, middleError: relation.error, method: relation.method,
          pairs: relation.samples, removedPairs: 0, violations: 0))
    }
  }

  /// Puts what an incident.yaml says about wall clocks in the place of what was found.
  private mutating func useGiven(
    _ file: IncidentFile, _ machines: [Machine], _ sources: [WallSourceRow], reference: Int64
  ) throws {
    let given = try file.givenClocks().filter { $0.toolClock == "wall" }
    let found = relations
    for source in sources {
      guard let clock = given.first(where: { $0.machine == source.machine }) else { continue }
      let middle = source.first + (source.last - source.first) / 2
      // The drift over the source is part of the bound: one offset stands for all of it.
      let half = (source.last - source.first) / 2
      let (moved, overflow) = middle.addingReportingOverflow(clock.offset)
      guard !overflow, Stamp.range.contains(moved) else { continue }
      let onward = moved + Int64(ClockDrift.gain(clock.driftPPM, over: middle))
      var place = onward
      var error = min(clock.error ?? 0, Stamp.range.upperBound)
      error += Int64(ClockDrift.gain(abs(clock.driftPPM), over: half))
      let machine = machines.first { $0.name == clock.reference }
      if let own = try file.clock(of: reference), own.machine == clock.reference,
        own.toolClock == clock.referenceToolClock
      {
        // It is the reference timeline itself.
      } else if clock.referenceToolClock == "blktrace", let own = machine?.block?.clock {
        place = own.reference(onward)
        error += own.error(at: onward)
      } else if clock.referenceToolClock == "wall",
        let other = sources.first(where: {
          $0.machine == clock.reference && found[$0.source] != nil && $0.isUTC
        }), let onto = found[other.source]
      {
        place = onward + onto.offset
        error += onto.error
      } else {
        continue
      }
      if source.isWholeSeconds {
        // A printed second stands for what is left of it.
        place += Self.second / 2
        error += Self.second / 2
      }
      relations[source.source] = Relation(
        offset: place - middle, error: error,
        method: clock.error == nil ? "given, its error is not" : "given", samples: 0)
    }
  }

  func write(to writer: CorrelationWriter) throws {
    for row in rows { try writer.add(row) }
  }

  // MARK: - Anchors

  /// Where the block trace's start places a moment of the wall clock, ns.
  private static func anchor(
    _ file: IncidentFile, _ machine: Machine, at moment: Int64
  ) throws -> (offset: Int64, error: Int64)? {
    guard let block = machine.block, let trace = try file.traceStart(of: block.source),
      let start = trace.wallStart
    else { return nil }
    // A guest whose trace was not joined is not on the reference.
    guard let clock = block.clock else { return (-start, 0) }
    // Far outside the trace the clock is not known: take it at the nearest end.
    let own = min(max(moment - start, trace.first), trace.last)
    return (clock.reference(own) - own - start, clock.error(at: own))
  }

  // MARK: - Series

  private static func fit(
    _ file: IncidentFile, _ machine: Machine, _ samples: [CPUReportRow]
  ) throws -> Relation? {
    guard let first = samples.first, let last = samples.last else { return nil }
    let moment = first.from + (last.to - first.from) / 2
    let anchor = first.isUTC ? try Self.anchor(file, machine, at: moment) : nil
    // The printed second has begun, and is not over.
    let known = anchor.map { ($0.offset - $0.error)...($0.offset + $0.error + second) }
    if let anchor, let known {
      if let found = try blocks(file, machine, samples, moment, known), found.difference < 0.3 {
        return Relation(
          offset: found.offset, error: anchor.error + found.error,
          method: "recorded start, block series", samples: found.samples)
      }
      if let found = steal(machine, samples, known), found.difference < 0.3 {
        return Relation(
          offset: found.offset, error: anchor.error + found.error,
          method: "recorded start, steal series", samples: found.samples)
      }
      return Relation(
        offset: anchor.offset + second / 2, error: anchor.error + second / 2,
        method: "recorded start", samples: 0)
    }
    if let found = try blocks(file, machine, samples, moment, nil) {
      return Relation(
        offset: found.offset, error: found.error, method: "block series", samples: found.samples)
    }
    return steal(machine, samples, nil).map {
      Relation(
        offset: $0.offset, error: $0.error, method: "steal series", samples: $0.samples)
    }
  }

  /// `known` and the result are onto the reference, the search is onto the block trace's own clock.
  private static func blocks(
    _ file: IncidentFile, _ machine: Machine, _ samples: [CPUReportRow], _ moment: Int64,
    _ known: ClosedRange<Int64>?
  ) throws -> SeriesAlignment.Result? {
    guard let block = machine.block else { return nil }
    func amounts(_ rate: (CPUReportRow) -> Double?) -> [SeriesAlignment.Sample] {
      samples.compactMap { sample in
        rate(sample).map {
          SeriesAlignment.Sample(
            span: Span(from: sample.from, to: sample.to),
            amount: $0 * Double(sample.to - sample.from) / 1e9)
        }
      }
    }
    var series: [(curve: GrowthCurve, samples: [SeriesAlignment.Sample])] = []
    if let reads = block.reads { series.append((reads, amounts(\.read))) }
    if let writes = block.writes { series.append((writes, amounts(\.written))) }
    guard let trace = try file.traceStart(of: block.source) else { return nil }
    let middle = trace.first + (trace.last - trace.first) / 2
    let shift = block.clock.map { $0.reference(middle) - middle } ?? 0
    let own = known.map { ($0.lowerBound - shift)...($0.upperBound - shift) }
    guard let found = SeriesAlignment.offset(series, within: own) else { return nil }
    // Whether the guest's clock stepped or drifted within the trace.
    let ends = [trace.first, trace.last].map { end in
      block.clock.map { abs($0.reference(end) - end - shift) } ?? 0
    }
    return found.moved(by: shift, within: ends.max() ?? 0)
  }

  private static func steal(
    _ machine: Machine, _ samples: [CPUReportRow], _ known: ClosedRange<Int64>?
  ) -> SeriesAlignment.Result? {
    guard let waits = machine.waits else { return nil }
    return SeriesAlignment.offset(
      [
        (
          waits.curve,
          samples.compactMap { sample in
            sample.stolen.map {
              SeriesAlignment.Sample(
                span: Span(from: sample.from, to: sample.to),
                amount: $0 / 100 * Double(waits.vcpus) * Double(sample.to - sample.from) / 1e9)
            }
          }
        )
      ], within: known)
  }
}
