internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// When guests stood still as a whole.
struct PauseCorrelation: CorrelationPass {
  static let fills = ["guest_pause"]

  init(_ context: CorrelationContext) throws {
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    let ownDisks = Dictionary(grouping: context.disks) { machines[$0.disk] ?? "" }
    for guest in try context.machineNames(.guest) {
      let disks = ownDisks[guest] ?? []
      guard disks.contains(where: { $0.verdict == .joined }) else { continue }
      var evidence = PauseSearch.Evidence()
      let sources = Set(context.guests.filter { $0.machine == guest }.map(\.source))
      for clock in context.clocks where sources.contains(clock.source) {
        // Disks of one trace share its clock.
        if evidence.steps.isEmpty { evidence.steps = clock.clock.steps }
      }
      for trace in context.threads.traces {
        guard let side = GuestThreads(of: guest, trace, context.threads.owners) else { continue }
        func onReference(_ gaps: [Span]) -> [Span] {
          gaps.map {
            Span(from: side.clock.reference($0.from), to: side.clock.reference($0.to))
          }
        }
        let own = trace.silences[guest] ?? Silences()
        evidence.covered = side.span
        evidence.vcpus = onReference(own.gaps)
        evidence.host = onReference(trace.silence.gaps)
        evidence.shorter = (own.longestOther, trace.silence.longestOther)
        break
      }
      guard evidence.isWorthwhile else { continue }
      evidence.hostRequests = Self.moments(context.hosts.lazy.flatMap(\.rows)) { request, add in
        add(request.issued)
        add(request.completed)
      }
      evidence.requests = Self.requests(of: disks, context)
      for io in disks.lazy.flatMap(\.ios) where io.isLeading {
        guard let from = io.reference.nanoseconds, let block = io.times[.block].nanoseconds,
          let done = io.times.end(of: .hardwareQueue, from: from)
        else { continue }
        evidence.ios.append((from, done, Stamp.sum(from, block)))
      }
      let found = PauseSearch(evidence).pauses
      if !found.isEmpty { context.pauses[guest] = found }
    }
  }

  private static func moments(
    _ rows: some Sequence<BlockRequest>, _ each: (BlockRequest, _ add: (Stamp) -> Void) -> Void
  ) -> [Int64] {
    var moments: [Int64] = []
    for row in rows {
      each(row) { if let moment = $0.nanoseconds { moments.append(moment) } }
    }
    NumberSort.sort(&moments)
    return moments
  }

  /// When requests were issued on the host for a guest's disks.
  private static func requests(
    of disks: [DiskJoin], _ context: CorrelationContext
  ) -> [Int64] {
    var own: [Int64] = []
    for io in disks.lazy.flatMap(\.ios) {
      if let request = io.hostRequest { own.append(request) }
    }
    NumberSort.sort(&own)
    func isOwn(_ request: Int64) -> Bool {
      let place = own.partitioningIndex { $0 >= request }
      return place < own.count && own[place] == request
    }
    return moments(context.hosts.lazy.flatMap(\.rows)) { request, add in
      if isOwn(request.id) { add(request.issued) }
    }
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for (guest, pauses) in context.pauses.sorted(by: { $0.key < $1.key }) {
      for (number, pause) in pauses.enumerated() {
        try writer.add(
          to: "guest_pause",
          [
            "guest": .text(guest), "pause": .integer(Int64(number)),
            "from_ns": .integer(pause.range.from), "to_ns": .integer(pause.range.to),
            "length_ns": .integer(pause.length), "error_ns": .integer(pause.error),
            "is_clock_still": .integer(pause.isClockStill ? 1 : 0),
            "is_host_still": .integer(pause.isHostStill ? 1 : 0),
            "spanning": .integer(Int64(pause.spanning)),
            "confidence": .text(pause.confidence.name), "because": .text(pause.because),
          ])
      }
    }
  }
}

extension PauseSearch.Pause {
  fileprivate var confidence: Finding.Confidence {
    switch shownBy {
    case .vcpus: isClockStill ? .high : .medium
    case .host: isClockStill || spanning > 0 ? .high : .medium
    case .requests: .medium
    }
  }

  fileprivate var because: String {
    let sign =
      switch shownBy {
      case .vcpus: "its vCPUs neither ran nor waited for a CPU of the host"
      case .host: "nothing at all ran on the host"
      case .requests:
        "its requests stayed away from the host; whether its vCPUs ran, no scheduler trace tells"
      }
    return isClockStill
      ? "its clock fell behind the host's by as much, and \(sign)"
      : spanning > 0
        ? "\(sign). Its I/Os waited that the host had completed, or that stood as still as the rest"
        : "\(sign), and no device of the host did anything"
  }
}
